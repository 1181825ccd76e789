/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * files.bpf.h - the files that threads have open, read in place. The kernel's own
 * iterator over them takes a reference to each: who gives it back last, as its owner
 * has closed the file meanwhile, closes the device, and may hang in that.
 */
#ifndef FDPIN_FILES_BPF_H
#define FDPIN_FILES_BPF_H

#define MAX_FDS (1 << 20)

struct file_walk {
	struct file **fd;
	struct files_struct *files;
	struct task_struct *task;
};

/* How many slots of its table there are to be walked over; 0 also for a thread that shares its leader's. */
static __always_inline __u32 files_begin(struct file_walk *w, struct task_struct *task)
{
	struct files_struct *files = task ? BPF_CORE_READ(task, files) : NULL;
	struct fdtable *fdt;
	__u32 max;

	if (!files)
		return 0;
	if (task->pid != task->tgid && BPF_CORE_READ(task, group_leader, files) == files)
		return 0;
	w->task = task;
	w->files = files;
	fdt = BPF_CORE_READ(files, fdt);
	w->fd = BPF_CORE_READ(fdt, fd);
	max = BPF_CORE_READ(fdt, max_fds);
	if (max > MAX_FDS) {
		__sync_fetch_and_add(&stats.cut, 1);
		max = MAX_FDS;
	}
	return max;
}

/* The file in this slot, NULL if there is none now. */
static __always_inline struct file *file_at(const struct file_walk *w, __u32 i)
{
	return (void *)word_at(&w->fd[i]);
}

#endif
