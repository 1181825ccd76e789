/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * facts.h - what `doctor` has found out about this system, before anyone has
 * judged it. facts_*.c gather, by asking and by trying; doctor*.c judge, and
 * know of a system only what is here. A zeroed struct is one of which nothing
 * is known.
 */
#ifndef FDPIN_FACTS_H
#define FDPIN_FACTS_H

#include <linux/types.h>
#include <stdbool.h>

#include "../bpf/doctor.h"

enum known { NOT_KNOWN, KNOWN_NO, KNOWN_YES };

#define WHY_MAX 200

/* why: of NOT_KNOWN what is missing; else a detail, or empty. May hold hostile text. */
struct fact {
	enum known is;
	char why[WHY_MAX];
};

enum presence {
	PRESENCE_NOT_KNOWN,
	PRESENCE_NONE,	     /* this kernel has no such module, nor is it built in */
	PRESENCE_NOT_LOADED, /* there is one to be loaded */
	PRESENCE_LOADED,
	PRESENCE_BUILT_IN,
};

struct module_facts {
	enum presence presence;
	char srcversion[48];
	struct fact types; /* type information of the module, where it is loaded or built in */
};

/* What opening it as a command does has found. */
struct command_facts {
	struct fact opens;	  /* why: the error */
	unsigned int gaps;	  /* what a look misses */
	unsigned int hook_gaps;	  /* what only hooks miss */
	char gap[WHY_MAX];	  /* the first of either */
	char hook_gap[WHY_MAX];
};

struct facts {
	/* the host; all hostile */
	char node[65], release[65], machine[65], boot_id[40];
	__u64 time_ns; /* of day */

	/* the kernel */
	struct fact btf; /* its own type information */
	struct fact tests[DOCTOR__max];
	struct fact blocked_on, mutex_list, contention;
	struct fact lsm_bpf;	 /* "bpf" is in the list of LSMs */
	char lsms[256];		 /* that list, "" if it cannot be read */
	struct fact locked_down; /* why: in which mode */
	struct fact hung_task;	 /* why: when it was looked at */
	__u64 hung_task_s; /* 0: turned off */
	struct fact hung_task_blocker;

	/* VFIO */
	struct module_facts vfio, type1, mdev;
	struct fact containers; /* has VFIO containers of its own? A kernel for iommufd alone can be built without, and so without type1 */
	struct fact vaddr_invalid, vaddr_wait, dma_mm, dma_locked_vm; /* members of its types */
	struct fact extension;	/* answer of VFIO_CHECK_EXTENSION(VFIO_UPDATE_VADDR): 1 is yes */
	struct fact guard_text; /* the code that runs has the words of the refusal */
	bool guard_in_memory;	/* that is known from the memory of the module */
	char type1_file[WHY_MAX]; /* else from this */

	/* iommufd */
	struct module_facts iommufd;
	struct fact map_file, change_process; /* the call is there */
	/* CHANGE_PROCESS makes another process the owner of pages: is the counter asked to move along? */
	struct fact moves_user; /* where the user is charged: the control of the next one */
	struct fact moves_none; /* where nobody is, with CAP_IPC_LOCK */
	struct fact liveupdate;

	/* rights */
	char missing_rights[96];
	struct fact host_pid_namespace;

	/* commands */
	struct command_facts look, watch;
	struct fact guard_fits; /* its programs are for this kernel, as far as type information says */
};

/* commands: also whether they can work, which takes longest. */
void facts_gather(struct facts *f, bool commands);

/* ---- parts of it ----------------------------------------------------------------- */

struct types;

/* Only what judge_mdev_exclusion() asks for, where the kernel's types are at hand. */
void facts_of_exclusion(struct facts *f, struct types *types);
/* Does a range of type1 keep an mm of its own (vfio_dma.mm)? Loads no program. */
void facts_of_ranges(struct fact *own_mm);
void fact_set(struct fact *fact, enum known is, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
static inline enum known known(bool yes)
{
	return yes ? KNOWN_YES : KNOWN_NO;
}

/* Is it there now? */
static inline bool module_runs(const struct module_facts *m)
{
	return m->presence == PRESENCE_LOADED || m->presence == PRESENCE_BUILT_IN;
}

/* marker: a structure that only this module defines. types may be NULL. */
void facts_module(struct module_facts *m, struct types *types, const char *release, const char *name,
		  const char *marker);
/* Does the code of the type1 driver have the words of the refusal? By its file, else by its memory. types may be NULL. */
void facts_guard_text(struct facts *f, struct types *types);
/* Is this text in the memory of the loaded type1 driver? 1, 0, or a negative errno: it could not be read, or not all. Loads programs. */
int facts_module_has(struct types *types, const char *text);
/* What only asking the devices tells. Opens none whose driver is not there: that would load it. */
void facts_devices(struct facts *f);
/* Runs the test programs, and what makes them run. */
void facts_tests(struct facts *f, struct types *types);
void facts_commands(struct facts *f);

#endif
