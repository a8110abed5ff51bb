/* SPDX-License-Identifier: MIT */
/* The line below a table: what the rows that are shown are together, and how sure that is. */
#include "view_tree.h"

#include <inttypes.h>

/* With fewer samples than this a share is hardly more than a guess. */
#define SAMPLES_FEW 100u

/* "43.2%" */
static void print_share(struct buffer *to, double share)
{
    buffer_print(to, "%.1f%%", 100 * share);
}

static bool is_noise(const struct row *row, const struct basis *basis)
{
    return share_of(basis, row->cum != NULL ? row->cum : row->self) < share_noise(basis);
}

/*
 * Where nothing has weight under the metric (a thread that only waited has no CPU time), shares
 * are of samples.
 */
static struct basis closing_basis(const struct group *group)
{
    struct basis basis = *group->rows[0].basis;
    if (basis_is_empty(&basis))
        basis.metric = &metrics[METRIC_SAMPLES];
    return basis;
}

static void close_group(struct view *view, struct group *group)
{
    struct weights shown = {0};
    double largest = 0;
    if (group->n_rows == 0 || group->rows[0].basis == NULL)
        return;
    const struct basis basis = closing_basis(group);
    if (basis_is_empty(&basis))
        return;
    for (size_t i = 0; i < group->n_rows; i++) {
        struct row *const row = &group->rows[i];
        if (row->self == NULL || row->inside)
            continue;
        const double share = share_of(&basis, group->is_tree ? row->cum : row->self);
        largest = share > largest ? share : largest;
        if (!group->outward)
            weights_add(&shown, row->self);
        else if (row->tree->up == 0)
            weights_add(&shown, row->cum);
        row->noise = is_noise(row, &basis);
    }
    const uint64_t samples = weights_sum(&basis.total).samples;
    struct buffer text = {0};
    if (samples < SAMPLES_FEW)
        buffer_print(&text, "Only %" PRIu64 " sample%s. ", samples, samples == 1 ? "" : "s");
    buffer_add_text(&text, "Shown: ");
    print_share(&text, share_of(&basis, &shown));
    buffer_print(&text, " of %s; the largest share is ", basis.metric->name);
    print_share(&text, largest);
    buffer_add_text(&text, " \u00b1");
    print_share(&text, share_error(&basis, largest));
    buffer_add_text(&text, " (95%), below ");
    print_share(&text, share_noise(&basis));
    buffer_add_text(&text, " is noise");
    group->closing = arena_copy(&view->arena, text.text, text.len);
    buffer_clear(&text);
}

void view_footer(struct view *view)
{
    for (size_t i = 0; i < view->n_groups; i++)
        close_group(view, &view->groups[i]);
}
