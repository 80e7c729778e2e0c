// The SQL editor: Datasette's own set-up, as a file instead of an inline script.
window.addEventListener("load", () => {
  const format = document.querySelector("button#sql-format");
  const input = document.querySelector("textarea#sql-editor");
  if (!input || !window.CodeMirror) return;
  const editor = CodeMirror.fromTextArea(input, { lineNumbers: true, mode: "text/x-sql", lineWrapping: true });
  editor.getInputField().setAttribute("aria-label", "SQL");
  editor.setOption("extraKeys", { "Shift-Enter": () => input.form.submit(), Tab: false });
  if (format && window.sqlFormatter) {
    format.hidden = false;
    format.addEventListener("click", () => editor.setValue(sqlFormatter.format(editor.getValue())));
  }
  if (window.cmResize) cmResize(editor, { resizableWidth: false });
});
