"""The doors that figures come in by without anybody's click: pull, folder, SFTP, MQTT, events."""
