/* SPDX-License-Identifier: MIT */
/*
 * html - a page that reads itself: the template that was built from page/, the data that
 * page_pack made of a report, and for readers without scripts the same in words.
 *
 * The data is in base64, so that nothing of a trace is markup. page/read.js reads it.
 */
#include "analyze/base/buffer.h"
#include "analyze/cli/output.h"
#include "analyze/report/page.h"

#include <string.h>

#define LINE_LEN (57u * 1000u) /* bytes of the blob per line of base64 */

/* Where the template is cut. */
#define MARK_TITLE  "@TITLE@"
#define MARK_STATIC "@STATIC@"
#define MARK_DATA   "@DATA@"

/* ---- text as markup ---- */

static void escape(struct sink *to, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        switch (text[i]) {
        case '&':
            sink_text(to, "&amp;");
            break;
        case '<':
            sink_text(to, "&lt;");
            break;
        case '>':
            sink_text(to, "&gt;");
            break;
        case '"':
            sink_text(to, "&quot;");
            break;
        default:
            putc(text[i], to->file);
        }
    }
}

/* Names that others chose: nothing in them may reorder what is shown. */
static void escape_visible(struct sink *to, const char *text)
{
    struct buffer visible = {0};
    buffer_add_visible(&visible, text);
    if (visible.text != NULL)
        escape(to, visible.text, visible.len);
    buffer_clear(&visible);
}

static void write_static(struct sink *to, const struct page *page)
{
    for (size_t i = 0; i < page->n_notes; i++) {
        sink_text(to, "<p>");
        escape_visible(to, page->notes[i]);
        sink_text(to, "</p>\n");
    }
    for (size_t i = 0; i < page->n_texts; i++) {
        sink_text(to, "<h2>");
        escape_visible(to, page->texts[i].name);
        sink_text(to, "</h2>\n<pre>");
        escape(to, page->texts[i].text, page->texts[i].len);
        sink_text(to, "</pre>\n");
    }
}

/* ---- the blob ---- */

static void base64(struct sink *to, const unsigned char *bytes, size_t len)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    FILE *const file = to->file;
    for (size_t i = 0; i < len; i += 3) {
        const size_t left = len - i;
        const uint32_t three = (uint32_t)bytes[i] << 16 |
                               (left > 1 ? (uint32_t)bytes[i + 1] << 8 : 0) |
                               (left > 2 ? bytes[i + 2] : 0u);
        putc(digits[three >> 18], file);
        putc(digits[three >> 12 & 63], file);
        putc(left > 1 ? digits[three >> 6 & 63] : '=', file);
        putc(left > 2 ? digits[three & 63] : '=', file);
        if ((i + 3) % LINE_LEN == 0)
            putc('\n', file);
    }
}

/* The template up to a mark; returns what is behind it. */
static const char *write_until(struct sink *to, const char *from, const char *mark)
{
    const char *const at = strstr(from, mark);
    if (at == NULL)
        return from; /* a template without it: the build checks that there is none */
    fwrite(from, 1, (size_t)(at - from), to->file);
    return at + strlen(mark);
}

static enum status html_write(struct sink *to, const struct view *view, struct problem *why)
{
    const struct page *const page = view->page;
    (void)why;
    const char *at = write_until(to, page_template, MARK_TITLE);
    escape_visible(to, page->title);
    at = write_until(to, at, MARK_STATIC);
    write_static(to, page);
    at = write_until(to, at, MARK_DATA);
    base64(to, (const unsigned char *)page->blob->text, page->blob->len);
    sink_text(to, at);
    return STATUS_OK;
}

const struct output output_html = {
    .name = "html",
    .help = "one page for a browser, with everything in it",
    .accepts = SHAPE_PAGE,
    .binary = true,
    .ending = ".html",
    .write = html_write,
};
