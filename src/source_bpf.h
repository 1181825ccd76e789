/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * source_bpf.h - what source_bpf.c, load.c and look.c share; the guard, which
 * loads an object of its own, has its ids and helpers from here too.
 */
#ifndef FDPIN_SOURCE_BPF_H
#define FDPIN_SOURCE_BPF_H

#include <bpf/libbpf.h>

#include "ring.h"
#include "source.h"

#include "../bpf/config.h"

#include "snapshot_bpf.skel.h"
#include "trace_bpf.skel.h"

/* Behind the name of a program: does what that one, left out by the kernel, was not there to do. */
#define PROGRAM_AGAIN "__again"

#define PROGRAMS_MAX 64 /* of trace.bpf.c */

/* A program: how often it was left out by now. One that is there twice: how often each was, and since the reading before. */
struct left_out {
	const struct bpf_program *prog, *again; /* again: the second of it, or NULL */
	bool counts; /* the second of another does not, nor what the next one makes good */
	__u64 told;
	__u64 first, second;
	__u64 first_new, second_new;
	__u64 both; /* calls that may have been left out by both */
};

struct source_bpf {
	struct snapshot_bpf *snapshot;
	struct trace_bpf *trace;
	struct types *types; /* only while programs are loaded */
	bool containers;     /* VFIO has containers of its own, which a kernel for iommufd alone can be built without */
	struct ring ring;
	struct source_filter filter;
	bool history;
	source_fn fn;
	void *ctx;
	int stop;	     /* what fn returned, when not 0 */
	unsigned int look;   /* looks begun */
	__u64 undecoded;     /* records from the ring that made no sense: lost, too */
	__u64 lost_before;   /* by programs that were closed since */
	__u64 lost_reported;
	__u64 no_state_reported, full_reported;
	__u64 missed, missed_asked; /* runs of programs the kernel left out */
	bool ending;		    /* no second more is waited for with that question */
	__u64 unnamed;		    /* hooks that are in type information and not in the symbol table: a bit for each of HOOKS */
	struct left_out left_out[PROGRAMS_MAX];
	int epoll_fd, timer_fd;
	struct look_memory *memory; /* what a look with details has seen; NULL without */
	bool no_vfio;	     /* no VFIO in this kernel now: nothing to look at */
	__u64 vfio, type1;   /* which of these modules the programs were made for; 0: none, or built in */
	unsigned int came_alone; /* polls since vfio came without type1 */
	__u32 followed;	     /* the command's process; 0: none */
};

/* hooks: what is missing concerns what is watched, not what a look sees. */
void source_bpf_gap(struct source_bpf *s, bool hooks, const char *what, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* Hand over a record that was made in user space, unless somebody wants to stop. */
void source_bpf_deliver(struct source_bpf *s, const struct fdpin_hdr *h);
/* Hand over what is in the ring. 0, or what stopped it. */
int source_bpf_drain(struct source_bpf *s);
/*
 * Run a program of type syscall. What it writes to its argument comes back in
 * args: the kernel copies the context out to where it came from. 0, or -errno,
 * or what it returned.
 */
int source_bpf_run(struct bpf_program *prog, void *args, size_t size);
/* What user space gives to the making of ids: the same for a whole boot, whoever loads. */
void source_bpf_key(__u64 key[2]);
/* With -vv: what each program cost the verifier. */
void source_bpf_tell_programs(const struct bpf_object *obj);

/* Load the programs that look; load and attach those that watch. 0 or -errno. */
int load_snapshot(struct source_bpf *s);
int load_trace(struct source_bpf *s);
/* Numbers into a set. 0 or -errno. */
int fill_list(struct bpf_map *map, const __u32 *list, unsigned int n);
int follow_processes(struct source_bpf *s, const __u32 *list, unsigned int n);

#endif
