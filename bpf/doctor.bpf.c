// SPDX-License-Identifier: GPL-2.0-only
/*
 * doctor.bpf.c - programs that do nothing but count that they ran.
 *
 * That a program loads says little, and that it attaches not enough: a function
 * may have been inlined where it matters, an LSM may be left out of the list, a
 * hook may be patched away. So `doctor` attaches each of these, does once what
 * must make it run, and looks at its counter. They count in our own process
 * only, change nothing, and never refuse: what they return is what went in.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "doctor.h"

#define E2BIG 7

char LICENSE[] SEC("license") = "GPL";

__u32 our_tgid;
__u64 fired[DOCTOR__max] = {};

static __always_inline void count(enum doctor_test test)
{
	if (bpf_get_current_pid_tgid() >> 32 == our_tgid)
		__sync_fetch_and_add(&fired[test], 1);
}

/* Who we are in the eyes of the programs above, in whatever PID namespace we are. */
SEC("syscall")
int whoami(void *ctx)
{
	our_tgid = bpf_get_current_pid_tgid() >> 32;
	return 0;
}

/* The kernel's own function for such a test; it is called by running this program. */
SEC("?fentry/bpf_fentry_test1")
int test_fentry(void *ctx)
{
	count(DOCTOR_fentry);
	return 0;
}

SEC("?fexit/bpf_fentry_test1")
int test_fexit(void *ctx)
{
	count(DOCTOR_fexit);
	return 0;
}

SEC("?fentry/vfio_fops_unl_ioctl")
int test_fentry_module(void *ctx)
{
	count(DOCTOR_fentry_module);
	return 0;
}

SEC("?fexit/vfio_fops_unl_ioctl")
int test_fexit_module(void *ctx)
{
	count(DOCTOR_fexit_module);
	return 0;
}

/* What these three have in common; a call without a thread is the end. */
struct iter_ctx {
	void *meta;
	void *task;
};

SEC("?iter/task")
int test_iter_task(struct iter_ctx *ctx)
{
	if (ctx->task)
		count(DOCTOR_iter_task);
	return 0;
}

SEC("?iter/task_file")
int test_iter_task_file(struct iter_ctx *ctx)
{
	if (ctx->task)
		count(DOCTOR_iter_task_file);
	return 0;
}

SEC("?iter/task_vma")
int test_iter_task_vma(struct iter_ctx *ctx)
{
	if (ctx->task)
		count(DOCTOR_iter_task_vma);
	return 0;
}

SEC("?lsm/file_ioctl")
int test_lsm(void *ctx)
{
	count(DOCTOR_lsm);
	return 0;
}

SEC("?fmod_ret/security_file_ioctl")
int test_fmod_ret(void *ctx)
{
	count(DOCTOR_fmod_ret);
	return 0;
}

/* Refused where the kernel is locked down for confidentiality. */
SEC("?syscall")
int test_read_kernel(void *ctx)
{
	__u64 word;

	if (!bpf_probe_read_kernel(&word, sizeof(word), (void *)bpf_get_current_task()))
		count(DOCTOR_read_kernel);
	return 0;
}

static const char symbol[] = "init_task";

SEC("?syscall")
int test_symbols(void *ctx)
{
	__u64 address = 0;

	bpf_kallsyms_lookup_name(symbol, sizeof(symbol), 0, &address);
	if (address)
		count(DOCTOR_symbols);
	return 0;
}

/* What user space asks to see: of the memory of a module. */
char peeked[DOCTOR_PEEK] = {};

SEC("?syscall")
int peek(struct doctor_peek *args)
{
	__u32 size = args->size;

	if (size > sizeof(peeked))
		return -E2BIG;
	return bpf_probe_read_kernel(peeked, size, (void *)args->address);
}

static const char type1_ops[] = "vfio_iommu_driver_ops_type1";

SEC("?syscall")
int find_type1(struct doctor_peek *args)
{
	__u64 address = 0;
	int err = bpf_kallsyms_lookup_name(type1_ops, sizeof(type1_ops), 0, &address);

	args->address = address;
	return err;
}

SEC("?fentry/iopt_pages_update_pinned")
int test_update_pinned(void *ctx)
{
	count(DOCTOR_update_pinned);
	return 0;
}
