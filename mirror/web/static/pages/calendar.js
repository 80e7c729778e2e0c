// Another choice of calendars shows at once; without this script the form has a button for it.

const form = document.querySelector("form[data-which]");
if (form) {
  form.querySelector("button[type=submit]").hidden = true;
  form.addEventListener("change", () => form.requestSubmit());
}
