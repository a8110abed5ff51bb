/* SPDX-License-Identifier: MIT */
#include "stall_text.h"

#include "analyze/base/path.h"

const char *stall_seconds_text(struct view *view, uint64_t ns)
{
    struct buffer text = {0};
    seconds_print(&text, (int64_t)ns, 3);
    const char *const copy = arena_print(&view->arena, "%s s", text.text);
    buffer_clear(&text);
    return copy;
}

const char *stall_call_text(struct view *view, const char *call)
{
    const char *const doing = state_halt_doing(call);
    return doing != NULL ? doing : arena_print(&view->arena, "in %s", call);
}

const char *stall_place_text(struct view *view, const struct scene *scene, uint32_t node)
{
    struct frame frame = scene_frame(scene, node);
    struct buffer text = {0};
    frame.file = path_short(frame.file);
    frame_print(&text, &frame);
    const char *const copy = arena_copy(&view->arena, text.text, text.len);
    buffer_clear(&text);
    return copy;
}
