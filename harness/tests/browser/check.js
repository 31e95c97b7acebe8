// Put into a copy of the page by the test: looks at it as a reader would, and tells the page around it.
(async () => {
  const broken = [];
  addEventListener("error", (event) => broken.push(String(event.message)));
  addEventListener("securitypolicyviolation", (event) => broken.push("asks for " + event.blockedURI));
  await new Promise((loaded) => addEventListener("load", loaded));
  const plots = [...document.querySelectorAll("svg")].map((svg) => {
    const box = svg.getBoundingClientRect();
    const name = svg.querySelector("title")?.textContent ?? "";
    return { name, left: box.left, right: box.right, width: box.width, height: box.height };
  });
  const links = [...document.querySelectorAll('a[href^="#"]')].map((link) => link.getAttribute("href").slice(1));
  const accessibility = await axe.run(document, {
    runOnly: { type: "tag", values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"] },
  });
  parent.postMessage({
    broken,
    requests: performance.getEntriesByType("resource").map((entry) => entry.name),
    dark: matchMedia("(prefers-color-scheme: dark)").matches,
    width: document.documentElement.clientWidth,
    content_width: document.documentElement.scrollWidth,
    plots,
    links: links.length,
    dead_links: links.filter((id) => !document.getElementById(id)),
    rules_passed: accessibility.passes.map((rule) => rule.id),
    violations: accessibility.violations.map(
      (rule) => rule.id + ": " + rule.help + ": " + rule.nodes.slice(0, 3).map((node) => node.html.slice(0, 200)).join(" | ")),
  }, "*");
})();
