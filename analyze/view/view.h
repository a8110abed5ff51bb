/* SPDX-License-Identifier: MIT */
/*
 * view - what the user will see, before it has a form.
 *
 * On the line:  a command's build() -> [view] -> an output's write()
 * Threads:      one at a time.
 * Memory:       rows, headings and texts are in the view's arena until view_clear. Rows borrow
 *               names and weights from the census and the profile, which live longer.
 *
 * A command fills in everything it knows, unsorted and whole; order, number of rows and choice of
 * columns are the same for all commands (view_order.h, arrange.h). An output reads.
 *
 * Always true:  which of the members are filled is said by `shape` alone.
 */
#ifndef PYREC_ANALYZE_VIEW_H
#define PYREC_ANALYZE_VIEW_H

#include "analyze/base/arena.h"
#include "analyze/model/cell.h"
#include "analyze/model/census.h"
#include "analyze/model/metric.h"
#include "analyze/read/stretch.h"
#include "analyze/weigh/share.h"
#include "curve.h"

enum shape {
    SHAPE_TABLE = 1,    /* groups of rows, all with the same columns */
    SHAPE_LOG = 2,      /* rows one after the other, too many to be kept */
    SHAPE_FACTS = 4,    /* sections of named values */
    SHAPE_STACKS = 8,   /* a weighted tree of frames */
    SHAPE_LIST = 16,    /* rows one after the other, which together are one thing */
    SHAPE_COURSE = 32,  /* a tree of frames, and where in it threads were from when to when */
    SHAPE_GRAPH = 64,   /* functions, and who called whom */
    SHAPE_STORY = 128,  /* things that happened, each with a heading and tables: story.h */
    SHAPE_CURVES = 256, /* values over time */
    SHAPE_PAGE = 512,   /* a whole page: report/page.h */
    SHAPE_STAR = 1024,  /* several tables that refer to each other: star/star.h */
};

struct gil_entry;
struct gil_line;
struct origin;
struct idle_facts;
struct idle_line;
struct stall_facts;
struct stall_line;
struct phase_group;

/* One thread at one tick. */
struct sample {
    uint64_t time_ns; /* since time 0 */
    uint64_t cpu_ns;  /* of its clock since its previous sample */
    const char *state, *call, *task;
    struct stack stack;
};

struct tree_row;
struct source_row;
struct debug_line;
struct diff_row;
struct compare_row;

/* What a row speaks about. Members that make no sense for it are NULL or 0. */
struct row {
    const struct process *process;
    const struct thread *thread;
    bool is_task; /* the thread is a part of one, and that is what the row is about */
    const struct native *native;
    struct frame frame;
    const struct weights *self, *cum;
    const struct weights *c; /* the part of self that was in C, called from there; NULL = unknown */
    const struct weights *total; /* of the thread or threads it was taken from */
    const struct basis *basis;   /* what its shares are of; NULL = it has none */
    bool noise;                  /* too small to be told from nothing; set by view_footer */
    const char *module;          /* of the frame */
    uint64_t unattributed_ns;
    uint64_t recorded_ns; /* of a process */
    const char *ended;    /* of a process: ending.h; NULL = not known, nor is when */
    uint64_t end_ns;      /* since time 0 */
    uint64_t native_ns;   /* of a process: CPU of no thread with samples, .. */
    bool native_known;    /* .. if that can be told */
    size_t n_threads;     /* that it stands for */
    const struct sample *sample;
    struct tree_row *tree;           /* where it is in a tree; view_tree.h */
    const struct source_row *source; /* annotate.h */
    bool inside;                     /* a part of the row above, not to be counted again */
    const char *path;                /* "main > run > work" */
    const struct stack *stack;       /* the same, innermost first */
    const struct gil_entry *wait;    /* gil.h */
    const struct gil_line *gil_line; /* gil_matrix.h */
    const struct stall_facts *stall; /* stall_tell.h */
    const struct stall_line *stall_line;
    const struct idle_facts *idle; /* idle_tell.h */
    const struct idle_line *idle_line;
    const struct phase_group *phase; /* phases.h */
    const struct await_row *await;   /* awaits.h */
    uint64_t start_ns;               /* of a part of the time */
    uint32_t depth;                  /* of a frame in a tree: by how much it is indented */
    const struct debug_line *object; /* debug_line.h */
    const struct diff_row *diff;
    const struct compare_row *compare;
};

/* Rows under one heading. */
struct group {
    const char *heading; /* NULL = none */
    struct row total;    /* by which groups are sorted */
    struct row *rows;
    size_t n_rows, n_left_out;
    bool whole;          /* no row is ever left out */
    bool outward;        /* a tree of callers: only cum is time of a row */
    bool is_tree;        /* rows have `tree`; they keep their order */
    const char *closing; /* for human readers, below the rows; set by view_footer */
};

struct fact {
    const char *name;
    struct cell value;
    const char *note; /* for human readers; NULL = none */
};

struct section {
    const char *name;    /* for programs */
    const char *heading; /* for humans */
    bool repeated;       /* one of several of that name */
    struct fact *facts;
    size_t n_facts, facts_size;
};

/*
 * Node 0 is the root and has no frame; what is below a node follows it directly. Frames with the
 * same `place` are equal, those with the same `function` differ in their line at most: not at all
 * in a tree by function.
 */
struct stack_node {
    uint32_t parent, depth;
    uint32_t place, function;
    uint32_t first_line;  /* of the function */
    struct frame frame;   /* by function: line 0, or the first where its file has more such names */
    const char *label;    /* the function's name, and no other one's: naming.h */
    const char *package;  /* it belongs to: module.h; "" = none */
    uint64_t self, total; /* by the view's metric; total: with all that is below it */
    const struct weights *weights; /* of which it is a part; NULL = none */
    const struct thread *thread;   /* it stands for a thread; NULL = for a frame */
    uint64_t address;              /* of a function of C, in its file; 0 = not known .. */
    const char *object;            /* .. that file; "" = it is not of C .. */
    const char *build_id;          /* .. and of that file, in hexadecimal digits; "" = not known */
};

/* What one of several threads has of a node's own weight; in order of thread. */
struct stack_part {
    uint32_t node, thread; /* thread: number in the view's part_threads */
    uint64_t self;
};

/* A thread in the order of time. */
struct course {
    const struct thread *thread;
    const char *label;         /* its name, and its process where there are several */
    struct stretch *stretches; /* those that weigh something, at nodes of the view */
    size_t n_stretches;
};

struct column;
struct story;
struct graph;
struct page;
struct star;
#define VIEW_COLUMNS_MAX 40

struct view {
    enum shape shape;
    struct arena arena;

    /* SHAPE_TABLE, SHAPE_LOG, SHAPE_LIST, SHAPE_STORY, SHAPE_CURVES */
    const struct column *columns[VIEW_COLUMNS_MAX];
    size_t n_columns;

    /* SHAPE_TABLE, SHAPE_STORY, SHAPE_CURVES */
    struct group *groups;
    size_t n_groups, groups_size, n_groups_left_out;

    /* SHAPE_LOG, SHAPE_LIST: the next row, good until the next call; false at the end */
    bool (*next)(void *closure, struct row *row);
    void (*release)(void *closure); /* called by view_clear */
    void *closure;

    /* SHAPE_FACTS */
    struct section *sections;
    size_t n_sections, sections_size;

    /* SHAPE_STACKS, SHAPE_COURSE */
    struct stack_node *nodes;
    size_t n_nodes;
    uint32_t n_places, n_functions; /* one more than the highest number of a node */
    const struct metric *metric;
    bool by_function;               /* frames are functions */
    const struct stack_part *parts; /* where they are wanted, and there are several threads */
    const char **part_threads;      /* their labels */
    size_t n_parts, n_part_threads;
    const struct origin *origin; /* of whole profiles, as in SHAPE_GRAPH and SHAPE_LIST */

    /* SHAPE_STORY */
    struct story *stories;
    size_t n_stories, stories_size, n_stories_left_out;
    void (*clear_stories)(struct view *view); /* of story.h, which fills these */
    const char **leads;                       /* lines for human readers, above the stories */
    size_t n_leads, leads_size;
    bool last_lead_stays; /* on a screen without room for all: it says what to do about the rest */
    const struct column *story_columns[VIEW_COLUMNS_MAX]; /* of a story's own row, in json */
    size_t n_story_columns;
    const char *story_name; /* with subjects: under what json has the stories; NULL = json has
                               nothing else */
    const char *subject_name;
    struct story *subjects; /* for json only: whom the stories are about, told of or not */
    size_t n_subjects, subjects_size;
    const char **outside; /* for json only: names of some whom the stories are not about, .. */
    size_t n_outside, n_outside_more; /* .. and how many there are beside */
    const struct column *subject_columns[VIEW_COLUMNS_MAX];
    size_t n_subject_columns;

    /* SHAPE_CURVES: what is drawn; the groups have the same numbers for programs */
    struct curve_set curves;

    /* What the exit status tells: a limit that the user set is passed (--fail-on). */
    bool failed;

    /*
     * There are no samples of what was asked for: main.c says so, and makes no file. Of a log it
     * holds at the end, when all rows were asked for.
     */
    bool nothing;

    /* SHAPE_COURSE */
    struct course *courses;
    size_t n_courses;
    uint64_t from_ns; /* where the time begins that was asked for */
    uint64_t
        first_ns; /* .. and where what was read begins: later than a process, in a later part */

    /* SHAPE_GRAPH: the same functions and calls by several metrics, the view's own first */
    const struct graph *graphs;
    size_t n_graphs;

    /* SHAPE_PAGE */
    const struct page *page;

    /* SHAPE_STAR: read while it is written */
    struct star *star;

    /* For human readers: set by arrange */
    const struct column *ordered_by; /* it decides the order and is always shown; NULL = none */
    bool columns_given;              /* the user chose the columns: all are shown */
    unsigned screen_lines;           /* stories: as many as this many lines hold; 0 = all */
    const char *headline;            /* above everything; NULL = none */
    bool blank;                      /* what has no value is left blank */

    /* Lines for human readers, below everything. */
    const char **notes;
    size_t n_notes, notes_size;

    const char *warning; /* for who reads data: what they do not say, on stderr; NULL = none */
};

void view_clear(struct view *view);

/* A new group with room for n_rows rows (n_rows is set, the rows are zeroed). */
struct group *view_add_group(struct view *view, const char *heading, size_t n_rows);

/*
 * "17 (demo.py)", to stand in a heading. A long title loses its middle: which program it is stands
 * at its beginning, which file that runs at its end.
 */
const char *view_name_process(struct view *view, const struct process *process);
struct section *view_add_section(struct view *view, const char *name, const char *heading);
void view_add_note(struct view *view, const char *note);

/* A fact; the note may be NULL. */
void section_add(struct section *section, const char *name, struct cell value, const char *note);

/*
 * When the rows are those that will be shown: what they are together, and how well shares are
 * known. For tables of places (rows with a basis).
 */
void view_footer(struct view *view);

/* Give every row the shortest end of its file's path that tells it from the others. */
void view_shorten_paths(struct view *view);

#endif
