// A mail's frame is as high as the mail. The frame itself runs no script: its page is measured from here.

const HIGHEST = 40000; // a mail that is longer scrolls within its frame

function fit(frame) {
  const body = frame.contentDocument?.body;
  if (!body) return;
  const size = () => {
    const bars = frame.contentDocument.documentElement.scrollWidth > frame.clientWidth ? 20 : 0;
    frame.style.height = `${Math.min(HIGHEST, Math.ceil(body.getBoundingClientRect().height) + bars + 2)}px`;
  };
  new ResizeObserver(size).observe(body);
  size();
}

for (const frame of document.querySelectorAll("iframe.mail-body")) {
  frame.addEventListener("load", () => fit(frame));
  if (frame.contentDocument?.readyState === "complete" && frame.contentDocument.URL !== "about:blank") fit(frame);
}
