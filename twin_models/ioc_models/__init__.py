"""The contracts of Cà Mau IOC, shared by box and cloud; no input or output here."""
