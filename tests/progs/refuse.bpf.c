// SPDX-License-Identifier: GPL-2.0-only
/* refuse.bpf.c - another LSM, which the guard knows nothing of: it refuses calls of VFIO by threads that are named "refused" */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#define VFIO_TYPE ';'
#define EPERM 1

char LICENSE[] SEC("license") = "GPL";

__u64 refused = 0;

SEC("lsm/file_ioctl")
int BPF_PROG(refuse__file_ioctl, struct file *file, unsigned int cmd, unsigned long arg, int ret)
{
	char comm[16] = {};

	if (ret || (cmd >> 8 & 0xff) != VFIO_TYPE || bpf_get_current_comm(comm, sizeof(comm)) || bpf_strncmp(comm, sizeof(comm), "refused"))
		return ret;
	__sync_fetch_and_add(&refused, 1);
	return -EPERM;
}
