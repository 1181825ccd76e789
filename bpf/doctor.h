/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * doctor.h - the things `doctor` tries out: one line each, the program of that
 * name in doctor.bpf.c, and what makes it run in src/facts_bpf.c. Shared.
 */
#ifndef FDPIN_DOCTOR_TESTS_H
#define FDPIN_DOCTOR_TESTS_H

#define DOCTOR_TESTS(X)                                                   \
	X(fentry, "fentry of a kernel function")                          \
	X(fexit, "fexit of a kernel function")                            \
	X(fentry_module, "fentry of vfio_fops_unl_ioctl")                 \
	X(fexit_module, "fexit of vfio_fops_unl_ioctl")                   \
	X(iter_task, "iterator task")                                     \
	X(iter_task_file, "iterator task_file")                           \
	X(iter_task_vma, "iterator task_vma")                             \
	X(lsm, "LSM program on file_ioctl")                               \
	X(fmod_ret, "fmod_ret of security_file_ioctl")                    \
	X(read_kernel, "read of kernel memory")                           \
	X(symbols, "look-up of a kernel symbol")                          \
	X(update_pinned, "fentry of iopt_pages_update_pinned")

enum doctor_test {
#define X(name, what) DOCTOR_##name,
	DOCTOR_TESTS(X)
#undef X
	DOCTOR__max,
};

/* Kernel memory to be read, at most DOCTOR_PEEK bytes. */
#define DOCTOR_PEEK 65536

struct doctor_peek {
	unsigned long long address;
	unsigned int size, pad;
};

#endif
