//! Markdown of scenarios and of `report.md`, as HTML.

use maud::{Markup, PreEscaped};
use pulldown_cmark::{CowStr, Event, Options, Parser, Tag, TagEnd, html};

/// The text as HTML. What looks like HTML in it becomes text, an image becomes its description, and a link
/// that leads anywhere but to the web or within the page loses its aim.
pub(super) fn prose(markdown: &str) -> Markup {
    let events = Parser::new_ext(markdown, Options::ENABLE_TABLES).map(|event| match event {
        Event::Html(text) | Event::InlineHtml(text) => Event::Text(text),
        Event::Start(Tag::HtmlBlock) => Event::Start(Tag::Paragraph),
        Event::End(TagEnd::HtmlBlock) => Event::End(TagEnd::Paragraph),
        Event::Start(Tag::Image { .. }) => Event::Text(CowStr::Borrowed("")),
        Event::End(TagEnd::Image) => Event::Text(CowStr::Borrowed("")),
        Event::Start(Tag::Link { link_type, dest_url, title, id }) => {
            let dest_url = if is_safe(&dest_url) { dest_url } else { CowStr::Borrowed("#top") };
            Event::Start(Tag::Link { link_type, dest_url, title, id })
        }
        other => other,
    });
    let mut text = String::new();
    html::push_html(&mut text, events);
    // The tags below are ours: such a text would have been escaped. A wide table scrolls by itself, by keyboard too,
    // and a cell without a word is no heading.
    let text = text
        .replace(
            "<table>",
            "<div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-label=\"table\"><table>",
        )
        .replace("</table>", "</table></div>")
        .replace("<th></th>", "<td></td>");
    PreEscaped(text)
}

fn is_safe(address: &str) -> bool {
    ["https://", "http://"].iter().any(|scheme| address.starts_with(scheme))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_becomes_text_and_unsafe_links_lead_nowhere() {
        let text = prose(
            "a <script>x()</script> b\n\n<img src=x onerror=y>\n\n![alt](http://x/y.png) [c](javascript:z) \
             [d](https://example.org)\n",
        )
        .into_string();
        assert!(
            !text.contains("<script") && !text.contains("<img") && !text.contains("javascript"),
            "{text}"
        );
        assert!(text.contains("&lt;script&gt;") && text.contains("alt"), "{text}");
        assert!(text.contains("<a href=\"https://example.org\">d</a>"), "{text}");
    }

    #[test]
    fn a_table_scrolls_and_its_empty_corner_is_no_heading() {
        let text = prose("| | b |\n|---|---:|\n| a | 1 |\n").into_string();
        assert!(text.contains("tabindex=\"0\"") && text.contains("<td></td><th"), "{text}");
    }
}
