/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * doctor.h - the judgement of `doctor`: the checks, a line and a function each,
 * and from them the defects this kernel has and what each command can do here.
 * A pure function of struct facts.
 *
 * A check makes a statement and answers it: yes, no, or not known. What that
 * means to a user is its state: a "no" may be a failure, or just something that
 * is not there. Text that comes from the system is not escaped yet.
 */
#ifndef FDPIN_DOCTOR_H
#define FDPIN_DOCTOR_H

#include <stddef.h>

#include "facts.h"

/* CHECK(id in C, id for people, group, label, statement that is answered) */
#define CHECKS(CHECK)                                                                                            \
	CHECK(btf, "btf", KERNEL, "BTF", "there is type information of the kernel and of the VFIO modules")      \
	CHECK(fentry, "fentry", KERNEL, "fentry/fexit", "programs on kernel functions run when these are called") \
	CHECK(iterators, "iterators", KERNEL, "BPF iterators", "programs can walk tasks, files and memory")      \
	CHECK(memory, "kernel-memory", KERNEL, "kernel memory", "programs may read kernel memory")               \
	CHECK(symbols, "symbols", KERNEL, "kernel symbols", "programs may look up kernel symbols")               \
	CHECK(contention, "lock-contention", KERNEL, "lock contention", "there is tracepoint lock:contention_begin") \
	CHECK(waiters, "lock-waiters", KERNEL, "lock waiters", "the kernel says which lock a thread waits for")  \
	CHECK(hung_task, "hung-task", KERNEL, "hung task detector", "the kernel's own hung task detector is on") \
	CHECK(lsm, "bpf-lsm", KERNEL, "BPF LSM", "programs on LSM hooks run")                                    \
	CHECK(fmod_ret, "fmod-ret", KERNEL, "fmod_ret", "programs can decide what security functions return")    \
	CHECK(lockdown, "lockdown", KERNEL, "lockdown", "the kernel is not locked down against reading it")      \
	CHECK(type1, "type1", VFIO, "vfio_iommu_type1", "the type1 driver is there")                             \
	CHECK(vaddr_wait, "vaddr-wait", VFIO, "vaddr wait", "no thread can block on an invalidated range")       \
	CHECK(mdev_exclusion, "mdev-exclusion", VFIO, "mdev exclusion",                                          \
	      "an mdev and an invalidated range cannot meet in a container")                                     \
	CHECK(locked_vm, "locked-vm", VFIO, "locked_vm", "each range is charged to an mm of its own")            \
	CHECK(restore, "restore", VFIO, "locked_vm restore", "a restored range takes its charge along")          \
	CHECK(iommufd, "iommufd", VFIO, "iommufd", "there is iommufd")                                           \
	CHECK(map_file, "map-file", VFIO, "file-backed maps", "there is IOMMU_IOAS_MAP_FILE")                    \
	CHECK(change_process, "change-process", VFIO, "CHANGE_PROCESS", "there is IOMMU_IOAS_CHANGE_PROCESS")    \
	CHECK(accounting, "change-process-accounting", VFIO, "  its accounting",                                 \
	      "IOMMU_IOAS_CHANGE_PROCESS takes the charge along")                                                \
	CHECK(liveupdate, "liveupdate", VFIO, "live update", "the kernel can hand memory over a kexec")          \
	CHECK(rights, "capabilities", RIGHTS, "capabilities", "no capability that a look needs is missing")      \
	CHECK(visibility, "visibility", RIGHTS, "visibility", "every task and kernel thread can be seen")

/* DEFECT(key in JSON, the check that answers it: "no" there is a defect here, what it means) */
#define DEFECTS(DEFECT)                                                                                       \
	DEFECT(deadlock, vaddr_wait, "a thread can block on an invalidated range for good")                   \
	DEFECT(exec_underflow, locked_vm, "locked_vm wraps when a process unmaps after exec")                 \
	DEFECT(restore, restore, "pages are charged to nobody once an address is restored after exec")        \
	DEFECT(mdev_exclusion, mdev_exclusion, "a container with an mdev lets its ranges be invalidated")     \
	DEFECT(change_process, accounting, "the charge stays behind when iommufd memory changes its process")

/* WORKS(command): those of cmd.h that need something of a system, or nothing. */
#define WORKS(W) W(status) W(trace) W(record) W(report) W(enforce) W(rescue) W(migrate) W(doctor)

enum check_group { GROUP_KERNEL, GROUP_VFIO, GROUP_RIGHTS, GROUP__max };
enum check_state {
	STATE_UNKNOWN,
	STATE_OK,
	STATE_PART, /* works, with a limit */
	STATE_NONE, /* not there, and nothing wrong with that */
	STATE_FAIL, /* a defect */
	STATE__max,
};

enum check_id {
#define CHECK(c, id, group, label, statement) CHECK_##c,
	CHECKS(CHECK)
#undef CHECK
	CHECK__max,
};

enum defect_id {
#define DEFECT(d, check, means) DEFECT_##d,
	DEFECTS(DEFECT)
#undef DEFECT
	DEFECT__max,
};

enum works_id {
#define W(command) WORKS_##command,
	WORKS(W)
#undef W
	WORKS__max,
};

enum extent { EXTENT_NONE, EXTENT_PARTIAL, EXTENT_FULL };

#define TEXT_MAX 400
#define NOTES_MAX 8

struct check {
	enum known answer;
	enum check_state state;
	char why[TEXT_MAX];
	struct {
		const char *label; /* tested, means, fix, until */
		char text[TEXT_MAX];
	} notes[NOTES_MAX];
	unsigned int n_notes;
};

struct works {
	enum extent extent;
	bool not_known; /* partial or none because something could not be found out */
	char why[TEXT_MAX];
};

struct doctor {
	struct check checks[CHECK__max];
	enum known defects[DEFECT__max]; /* KNOWN_YES: the kernel has it */
	struct works works[WORKS__max];
};

struct check_info {
	const char *id, *label, *statement;
	enum check_group group;
	unsigned int defect; /* defect_id + 1 of the one it answers, or 0 */
};

extern const struct check_info check_table[CHECK__max];
extern const char *const defect_names[DEFECT__max], *const defect_means[DEFECT__max];
extern const char *const works_names[WORKS__max];

void doctor_judge(struct doctor *d, const struct facts *f);

/* What --require takes: checks and commands, by number. */
#define FEATURES_MAX (CHECK__max + WORKS__max)
/* -1 if there is none of this name. */
int feature_find(const char *name, size_t len);
const char *feature_name(int feature);
enum known feature_there(const struct doctor *d, int feature);

/* What is asked for: a bit per check_id and works_id. */
struct doctor_view {
	unsigned int checks, works;
	bool whole;    /* everything: with a last word */
	bool require;  /* --require: answers are about being there */
	bool verbose;  /* how each was decided */
};

/* Exit status for what is shown: 0 no defect, 1 partial sight, 2 a defect, 3 unknown; of --require 0, 1, 3. */
int doctor_status(const struct doctor *d, const struct doctor_view *v);

/* ---- between the files of the judgement ------------------------------------------------ */

void check_answer(struct check *c, enum known answer, enum check_state state, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
void check_note(struct check *c, const char *label, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

#define CHECK(c, id, group, label, statement) void judge_##c(struct check *c, const struct facts *f);
CHECKS(CHECK)
#undef CHECK

/* ---- showing it (doctor_text.c, doctor_json.c) ------------------------------------------- */

struct output;
void doctor_text(struct output *o, const struct doctor *d, const struct facts *f, const struct doctor_view *v);
/* 0 or -ENOMEM. */
int doctor_json(struct output *o, const struct doctor *d, const struct facts *f, const struct doctor_view *v);

#endif
