/** The sign-in form, shown whenever the API says 401. */
import { ApiError, signIn } from "./api.ts";
import { element } from "./dom.ts";
import { type Key, type Language, t } from "./i18n.ts";

/** Asks until someone signs in; what was on the screen stays behind the form. */
export function askToSignIn(language: Language): Promise<void> {
  return new Promise((signedIn) => {
    const message = element("p", { class: "login-error", role: "alert" });
    const user = field("user", t(language, "login.user"), "text", "username");
    const password = field(
      "password",
      t(language, "login.password"),
      "password",
      "current-password",
    );
    const submit = element("button", { type: "submit" }, t(language, "login.submit"));
    const form = element(
      "form",
      { class: "login-card", "data-testid": "login" },
      element("img", { src: "/favicon.svg", alt: "", width: "72", height: "72" }),
      element("h1", {}, t(language, "title")),
      element("p", { class: "login-other" }, t(language, "title.other")),
      user.label,
      password.label,
      submit,
      message,
    );
    const veil = element(
      "dialog",
      { class: "login", "aria-label": t(language, "login.title") },
      form,
    );
    // There is nothing to go back to without a session.
    veil.addEventListener("cancel", (event) => event.preventDefault());
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      submit.disabled = true;
      message.textContent = t(language, "login.busy");
      try {
        await signIn(user.input.value, password.input.value);
        veil.remove();
        signedIn();
      } catch (error) {
        message.textContent = t(language, reason(error));
        password.input.select();
      } finally {
        submit.disabled = false;
      }
    });
    document.body.append(veil);
    veil.showModal();
    user.input.focus();
  });
}

function reason(error: unknown): Key {
  if (!(error instanceof ApiError) || error.status >= 500) return "login.unreachable";
  return error.status === 429 ? "login.too_many" : "login.wrong";
}

function field(name: string, title: string, type: string, autocomplete: string) {
  const input = element("input", { name, type, autocomplete, required: "" });
  return { input, label: element("label", {}, element("span", {}, title), input) };
}
