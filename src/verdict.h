/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * verdict.h - list 5: conclusions, each a pure function of the model.
 *
 * Three answers: yes with evidence, no, cannot tell with what is missing. A
 * new verdict is a line in VERDICTS and a file verdict_<name>.c with
 * verdict_<name>(), which appends its findings. Worst first.
 */
#ifndef FDPIN_VERDICT_H
#define FDPIN_VERDICT_H

#include "model.h"

/* V(identifier, name, name of several, exit status with --check, "one sentence") */
#define VERDICTS(V)                                                                                           \
	V(deadlock, "deadlock", "deadlocks", 2, "threads wait for each other and nobody outside can end it") \
	V(hang, "hang", "hangs", 2, "a thread that pins or charges waits for an mmap_lock that nobody gives back")           \
	V(stall, "stall", "stalls", 1, "a thread waits for a valid VADDR that somebody could still give")    \
	V(drift, "drift", "drifts", 1, "what is charged as locked or pinned is not what is pinned")          \
	V(exposed, "exposed", "exposed", 1, "a mediated device shares a container with an invalidated range") \
	V(half_invalidated, "half-invalidated", "half-invalidated", 1,                                       \
	  "one container of a virtual machine is invalidated and another is not")                            \
	V(window, "window", "windows", 1, "a container has had an invalidated range for longer than the limit")

enum answer { ANSWER_NO, ANSWER_YES, ANSWER_CANNOT_TELL };
enum level { LEVEL_NONE, LEVEL_LIKELY, LEVEL_PROVEN };

/* One line of evidence; subject and object are named, never addresses. */
struct evidence {
	char *text;		/* a sentence for people, already escaped */
	enum relation rel;	/* REL__max when it is no single edge */
	__u32 from_tid, to_tid; /* 0 if that end is no thread */
	enum fdpin_grade grade;
	__u64 ts_ns;		/* of the record, 0 if none */
	char *via;		/* what the edge rests on, or NULL */
};

/* Finding: about one container (subject), or about the host (subject 0). */
struct finding {
	const struct verdict *verdict;
	enum answer answer;
	enum level level;
	__u64 container;	/* subject; 0 means the host as a whole */
	__u64 mm;		/* subject instead of a container: an address space; 0: none */
	__u64 opened_ns;	/* if ids that came again are told apart: when the subject was opened, 0: before anybody watched */
	struct evidence *evidence;
	unsigned int n_evidence;
	char **missing;		/* what a better answer would need; for "no" and "yes": NULL or what is not known */
	unsigned int n_missing;
	char **notes;		/* "label\ttext": Why proven, Not known, Way out, …; text format only shows them as paragraphs */
	unsigned int n_notes;
	char *sentence;		/* the cycle in one line: "412 > vfio-a07b > 20733 > 412", or the reason */
};

/* What verdicts measure by, and a user may set. */
struct limits {
	__u64 max_window_ns; /* an invalidated range may stay so for this long */
};

#define MAX_WINDOW_DEFAULT_NS 5000000000ULL
/* A longer one is not waited for: who checks has to come back. Most windows have closed by then. */
#define WINDOW_WAIT_MAX_NS 10000000000ULL

struct findings {
	struct finding *f;
	unsigned int n;
	struct limits limits; /* they were judged by these */
	bool oom;
};

struct verdict {
	const char *name, *plural;
	int check_status;
	const char *sentence;
	int (*judge)(const struct verdict *v, const struct model *m, struct findings *out);
};

extern const struct verdict verdict_table[];
extern const unsigned int verdict_count;

/* Ask all verdicts; by the default limits if limits is NULL. Returns 0 or -ENOMEM. findings_free() accepts a zeroed struct. */
int verdicts_judge(const struct model *m, const struct limits *limits, struct findings *ret);
void findings_free(struct findings *f);
const char *answer_name(enum answer a); /* "yes", "no", "cannot-tell" */
const char *level_name(enum level l);	/* "proven", "likely", NULL */

/* For verdict_*.c: add a finding; add to it. All text is printf-style and copied. NULL/−ENOMEM set out->oom. */
struct finding *finding_add(struct findings *out, const struct verdict *v, enum answer a, enum level l, __u64 container);
void finding_missing(struct findings *out, struct finding *f, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void finding_note(struct findings *out, struct finding *f, const char *label, const char *fmt, ...) __attribute__((format(printf, 4, 5)));
void finding_edge(struct findings *out, struct finding *f, const struct edge *e, const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* Evidence that is a record and no edge. */
void finding_record(struct findings *out, struct finding *f, const struct fdpin_hdr *h, const char *fmt, ...) __attribute__((format(printf, 4, 5)));

#endif
