/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * source_bpf.h - what source_bpf.c and look.c share; for nobody else.
 */
#ifndef FDPIN_SOURCE_BPF_H
#define FDPIN_SOURCE_BPF_H

#include <bpf/libbpf.h>

#include "source.h"

#include "../bpf/config.h"

#include "snapshot_bpf.skel.h"
#include "trace_bpf.skel.h"

struct source_bpf {
	struct snapshot_bpf *snapshot;
	struct trace_bpf *trace;
	struct btf *vmlinux_btf;
	struct ring_buffer *ring;
	source_fn fn;
	void *ctx;
	int stop;	     /* what fn returned, when not 0 */
	unsigned int look;   /* looks begun */
	__u64 undecoded;     /* records from the ring that made no sense: lost, too */
	__u64 lost_reported;
	__u64 no_state_reported, full_reported;
	__u64 missed, missed_asked; /* runs of programs the kernel left out */
	int epoll_fd, timer_fd;
	struct look_memory *memory; /* what a look with details has seen; NULL without */
	bool no_vfio;	     /* no VFIO in this kernel now: nothing to look at */
};

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

#endif
