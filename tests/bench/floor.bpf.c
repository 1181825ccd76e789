// SPDX-License-Identifier: GPL-2.0-only
/*
 * floor.bpf.c - what no tracer of these calls can be cheaper than
 *
 * On the functions that fdpin-trace watches for the loads: a pair that does
 * nothing (pair__), and a pair whose end reserves a record as large as
 * fdpin-trace's own for such a call, writes eight bytes and submits it without
 * waking anyone (record__). On the hooks that its guard has, for loads that have
 * nothing to do with VFIO: LSM programs that do nothing (lsm__). A call of iommufd
 * is told of by what it charges.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#define __bpf__ 1
#include "bpf/events.h"

char LICENSE[] SEC("license") = "GPL";

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 8 << 20);
} events SEC(".maps");

__u64 lost = 0;

/* size is a constant wherever this is inlined */
static __always_inline int submit(__u32 size)
{
	__u64 *record = bpf_ringbuf_reserve(&events, size, 0);

	if (!record) {
		__sync_fetch_and_add(&lost, 1);
		return 0;
	}
	*record = size;
	bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
	return 0;
}

#define PAIR(function, of_record)                                                             \
	SEC("?fentry/" #function) int pair__entry_##function(void *ctx) { return 0; }          \
	SEC("?fexit/" #function) int pair__exit_##function(void *ctx) { return 0; }            \
	SEC("?fentry/" #function) int record__entry_##function(void *ctx) { return 0; }        \
	SEC("?fexit/" #function) int record__exit_##function(void *ctx) { return submit(of_record); }

PAIR(vfio_fops_unl_ioctl, sizeof(struct ev_map))
PAIR(vfio_pin_pages, sizeof(struct ev_pin))
PAIR(vfio_unpin_pages, sizeof(struct ev_unpin))
PAIR(vfio_dma_rw, sizeof(struct ev_dma_rw))
PAIR(iommufd_fops_ioctl, sizeof(struct ev_charge))

/* Those that it has where the kernel refuses by itself, as all that are measured do. */
SEC("?lsm/file_ioctl") int lsm__file_ioctl(void *ctx) { return 0; }
SEC("?lsm/bprm_check_security") int lsm__bprm_check_security(void *ctx) { return 0; }
