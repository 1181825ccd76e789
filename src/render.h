/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * render.h - list 6: the formats. A new one is a line here and
 * render_<name>.c with struct format format_<name>. A format walks the field
 * table, the sentence templates, the model and the findings; it knows no
 * event and no verdict by name. What formats share is in render.c.
 */
#ifndef FDPIN_RENDER_H
#define FDPIN_RENDER_H

#include "filter.h"
#include "line.h"
#include "output.h"
#include "util.h"
#include "verdict.h"

#define FORMATS(X)                                   \
	X(text, "for people; the default")           \
	X(json, "one JSON document; JSON Lines from trace")

struct memlock_peaks; /* memlock.h */

enum view_kind {
	VIEW_STATUS, /* what is, now: no events */
	VIEW_STREAM, /* events as they come, and a summary */
	VIEW_REPORT, /* a recording: events, then what they amount to */
};

/* Counts over the events that were shown. */
struct tally {
	__u64 events;
	__u64 first_ns, last_ns;
	unsigned int windows_opened, windows_closed;
	__u64 window_ns; /* the longest closed one */
	unsigned int blocks, unblocks;
	__u64 block_ns; /* the longest ended one */
	__u32 block_tid;
	char block_comm[FDPIN_COMM_LEN + 1];
	__u32 tgid_max;
};

#define COLUMNS_TEXT 128

/* What a line has between its time and its sentence: the same for a run of events of one thread. */
struct line_columns {
	const char *event; /* its word, a constant; NULL: none was kept */
	__u32 tgid;
	unsigned int pid_width;
	char comm[FDPIN_COMM_LEN];
	unsigned int len;
	char text[COLUMNS_TEXT];
};

/* From the clock of records to that on the wall, and the line before. */
struct wall {
	bool known;
	__u64 offset;	    /* CLOCK_REALTIME - CLOCK_MONOTONIC */
	__u64 start, last;  /* ts_ns of the first and the last line printed */
	__u64 minute;	    /* last minute printed by reltime, plus 1 */
};

#define STATUS_COLUMNS_DEFAULT 10
#define STATUS_COLUMNS_MAX 32

/* How the table of containers is to look; zero: as it is when nobody asks. */
struct table_style {
	unsigned char columns[STATUS_COLUMNS_MAX]; /* of the table in render_text_columns.c */
	unsigned int n_columns;
	bool noheadings, raw; /* for scripts: nothing but the table */
};

/* What is to be shown, and how much of it. */
struct view {
	enum view_kind kind;
	const char *file; /* of a report */
	const struct model *model;
	const struct findings *findings; /* NULL while they are not known */
	const struct timeline *timeline; /* of a report; NULL: none was made */
	struct tally tally;
	struct wall wall;
	const char *separator; /* before the next event of a document */
	const char *event_heading; /* of the column that says what each line is; NULL: EVENT */
	__u64 lost;
	__u64 lasted_ns; /* of a stream: how long it was watched */
	__u64 detach_ns; /* how long taking the hooks away took; 0: not done */
	const struct filter *filter; /* NULL: all */
	struct table_style table;
	bool memlock; /* of the state: what may be locked, and what has to be */
	const struct memlock_peaks *peaks; /* the most that was seen of it; NULL: only this was looked at */
	bool bytes;   /* exact sizes */
	bool details; /* of the state: what each range, holder and device is */
	bool stacks;
	__u32 stacks_seen[256]; /* hashes of stacks already printed */
	unsigned int n_stacks;
	struct line_columns columns[EV__max]; /* of the last line of each event */
};

struct format {
	const char *name;
	int (*begin)(struct output *o, struct view *v);
	int (*event)(struct output *o, struct view *v, const struct record *r);
	int (*end)(struct output *o, struct view *v);
};

#define X(name, what) extern const struct format format_##name;
FORMATS(X)
#undef X

/* NULL if there is none of this name. */
const struct format *format_find(const char *name);
void format_list(FILE *out);

/* ---- shared by formats ------------------------------------------------------ */

/* Count a record in, and learn the time of day from a session. */
void view_note(struct view *v, const struct record *r);
/* Show it? A container that the last look saw, or that a hook told of, and that the filter lets through. */
bool view_has(const struct view *v, const struct obj *container);
/* An address space, or a user, that has to do with a container that is shown. */
bool view_has_mm(const struct view *v, const struct obj *mm);
bool view_has_user(const struct view *v, const struct obj *user);
/* It cannot be told whether this container is what was asked for. */
bool view_may_have(const struct view *v, const struct obj *container);
/* How many of these there are; *ret_first may be NULL. */
unsigned int count_undecided(const struct view *v, const struct obj **ret_first);
/* Is a finding about something that is shown? */
bool view_has_finding(const struct view *v, const struct finding *f);

/*
 * Has a worse verdict told of this container, at length? Then people get a sentence,
 * and a "cannot tell" is not worth one.
 */
bool view_told(const struct view *v, const struct finding *f);

/* The sentence of a record's event, filled in. */
void line_sentence(struct linebuf *l, const struct record *r);
void print_sentence(FILE *out, const struct record *r);
/* A field in the form of its kind, escaped. */
void print_field(FILE *out, const struct record *r, const struct field *f);
/* Kind of object that an ID field names. */
enum obj_kind field_object(const struct field *f);
/* Frames of a stack record, each NUL-terminated in buf; false when there are no more. */
bool stack_frame(const struct ev_stack *s, unsigned int i, char buf[STACK_WIDTH + 1]);
/* Is this frame the way to a BPF program, our own or another's? People are not shown it. */
bool frame_is_hook(const char *frame);
/* A string of a record that may lack its end, escaped; allocated. */
#define ESCAPE(array) escape_text(array, sizeof(array))

/* What --check answers. */
enum severity { SEVERITY_OK, SEVERITY_WARNING, SEVERITY_CRITICAL, SEVERITY_UNKNOWN };
enum severity view_severity(const struct view *v);
const char *severity_name(enum severity s);
/* "1 deadlock, 2 stall" of the findings answered so, in findings order; allocated. */
char *count_findings(const struct view *v, enum answer answer);
/* Why it is OK: true of what is shown, if that is what view_severity() says. */
const char *ok_words(const struct view *v);
/* Containers that are shown, and threads blocked on them. */
unsigned int count_containers(const struct view *v);
unsigned int count_blocked(const struct view *v);

/* "type1", "iommufd", …; NULL if it has no driver yet. A recording of an older version knows type1 only. */
const char *container_type(const struct ev_container *note);

/* Everything that could not be seen; the model keeps no two alike. */
void for_each_gap(const struct view *v, void (*fn)(void *ctx, const struct ev_gap *gap), void *ctx);

/* ---- parts of the formats that fill a file of their own ------------------------ */

/* For --columns: what there is; a list, "+" in front appends it to what is usual. 0, or -EINVAL and the word. */
void columns_help(FILE *out);
void columns_default(struct table_style *style);
int columns_parse(const char *list, struct table_style *style, char **ret_bad);

/* 0 or -ENOMEM. */
int text_status(struct output *o, struct view *v);
void text_findings(struct output *o, struct view *v);
/* Of a report: windows, a chart for each container with one or an exec, and a word on each. */
void text_timeline(struct output *o, const struct view *v);
/* What is charged to whom, and what of the counters is others'. */
void text_ledger(struct output *o, const struct view *v);
/* A label and a text, wrapped to the width; every line begins with prefix. */
void print_paragraph(struct output *o, const char *prefix, const char *label, unsigned int label_width,
		     const char *text);
/* The same without a prefix, from a format. */
void print_labelled(struct output *o, const char *label, unsigned int label_width, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

struct json_object;
/* The keys that status and report share, added to doc. 0 or -ENOMEM. */
int json_status(struct json_object *doc, struct view *v);
/* The ranges of a container, which become text with the document: while the model is there. NULL when out of memory. */
struct json_object *json_ranges(const struct view *v, const struct obj *container);
struct json_object *json_ledger(const struct view *v);
struct json_object *json_memlock(const struct view *v); /* NULL when out of memory */
int json_print(struct output *o, struct json_object *doc);
/* format_json.event: one object; in a stream a line of its own. */
int json_event(struct output *o, struct view *v, const struct record *r);
int json_add(struct json_object *doc, const char *key, struct json_object *value);
struct json_object *json_text(const char *s, size_t size); /* hostile */
struct json_object *json_hex(__u64 v);
struct json_object *json_value_name(enum kind kind, __u64 v);
const char *grade_name(unsigned int grade);

#endif
