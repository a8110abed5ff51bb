/* SPDX-License-Identifier: MIT */
/* What the program writes: the last lines of the file that it goes to. */
#include "top.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TAIL_BYTES 32768
#define TAB_WIDTH  8

/* The end of the file, from the beginning of a line on; false when it cannot be read. */
static bool read_tail(const char *path, char text[TAIL_BYTES + 1])
{
    struct stat st;
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    const bool known = fd >= 0 && fstat(fd, &st) == 0;
    const off_t from = known && st.st_size > TAIL_BYTES ? st.st_size - TAIL_BYTES : 0;
    const ssize_t n = known ? pread(fd, text, TAIL_BYTES, from) : -1;
    if (fd >= 0)
        close(fd);
    if (n < 0)
        return false;
    text[n] = '\0';
    char *const zero = memchr(text, '\0', (size_t)n);
    for (char *at = zero; at != NULL && at < text + n; at++)
        *at = *at == '\0' ? '?' : *at;
    const char *const line = from > 0 ? strchr(text, '\n') : NULL;
    if (line != NULL)
        memmove(text, line + 1, strlen(line + 1) + 1);
    return true;
}

/* Behind an escape sequence (ECMA-48: CSI .., OSC .., or two characters). */
static const char *skip_escape(const char *at)
{
    at++;
    if (*at == '[') {
        at++;
        at += strspn(at, "0123456789;:<=>? !\"#$%&'()*+,-./");
    } else if (*at == ']') {
        while (*at != '\0' && *at != '\a' && *at != '\n' && strncmp(at, "\033\\", 2) != 0)
            at++;
        at += *at == '\033';
    }
    return *at != '\0' && *at != '\n' ? at + 1 : at;
}

/* As a terminal would leave the line: what is before a CR was overwritten, colours are not shown.
 */
static void show_line(const char *line, size_t len, struct buffer *shown)
{
    const char *const end = line + len;
    buffer_reset(shown);
    for (const char *at = line; at < end;) {
        if (*at == '\r' && at + 1 < end) {
            buffer_reset(shown);
            at++;
        } else if (*at == '\r' || *at == '\a') {
            at++;
        } else if (*at == '\t') {
            do
                buffer_add_text(shown, " ");
            while (shown->len % TAB_WIDTH != 0);
            at++;
        } else if (*at == '\033') {
            at = skip_escape(at);
        } else {
            buffer_add(shown, at++, 1);
        }
    }
    buffer_add_text(shown, "");
}

void top_draw_output(const struct top *top, struct canvas *canvas)
{
    char text[TAIL_BYTES + 1];
    struct buffer shown = {0};
    const int rows = canvas->rows - 4; /* header, title, footer */
    canvas_put(canvas, 2, 0, canvas->cols, "the program's output so far, its end (o, Esc: back)",
               STYLE_TITLE);
    if (!read_tail(top->settings.output, text)) {
        canvas_put(canvas, 3, 0, canvas->cols, "it cannot be read (any more)", STYLE_DIM);
        return;
    }
    size_t len = strlen(text);
    len -= len > 0 && text[len - 1] == '\n';
    const char *first = text + len;
    for (int n = 0; first > text; first--)
        if (first[-1] == '\n' && ++n == rows)
            break;
    int row = 3;
    for (const char *line = first; line <= text + len && len > 0; row++) {
        const char *const end = memchr(line, '\n', (size_t)(text + len - line));
        const size_t n = (size_t)((end != NULL ? end : text + len) - line);
        show_line(line, n, &shown);
        canvas_put(canvas, row, 0, canvas->cols, shown.text, STYLE_PLAIN);
        line += n + 1;
    }
    if (len == 0)
        canvas_put(canvas, 3, 0, canvas->cols, "nothing yet", STYLE_DIM);
    buffer_clear(&shown);
}
