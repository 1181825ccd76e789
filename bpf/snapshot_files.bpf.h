/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * snapshot_files.bpf.h - part of snapshot.bpf.c: which containers there are.
 *
 * Two roots: file tables, read in place, and the set of all VFIO devices, which
 * also knows the containers of processes that have lost their file table.
 */

/* ---- containers through file tables --------------------------------------- */

struct file_walk {
	struct file **fd;
	struct files_struct *files;
	struct task_struct *task;
};

static __always_inline void put_container(const struct vfio_container *container, const struct file *file)
{
	__u64 k = (__u64)container;
	struct found_container *found = bpf_map_lookup_elem(&containers, &k), fresh = {};

	if (!found) {
		bpf_map_update_elem(&containers, &k, &fresh, BPF_NOEXIST);
		found = bpf_map_lookup_elem(&containers, &k);
	}
	if (!found) {
		__sync_fetch_and_add(&stats.table_full, 1);
		return;
	}
	if (file) {
		found->file = object_id(file);
		found->refs = file_refs(file);
	} else {
		found->devices++;
	}
}

/* Its exec will be of interest, and the container if the process is, although both are older than the trace. */
static __always_inline void remember_holder(const struct task_struct *task, __u64 container)
{
	__u32 tgid = BPF_CORE_READ(task, tgid);
	struct vfio_user user = {};
	__u8 one = 1;

	bpf_probe_read_kernel_str(user.comm, sizeof(user.comm), task->comm);
	bpf_map_update_elem(&vfio_users, &tgid, &user, BPF_ANY);
	if (bpf_map_lookup_elem(&tgids, &tgid))
		bpf_map_update_elem(&wanted_containers, &container, &one, BPF_ANY);
}

static long look_at_fd(__u32 i, struct file_walk *w)
{
	struct file *file = (void *)word_at(&w->fd[i]);
	struct vfio_container *container;
	struct ev_holder *e;

	if (!file || (__u64)BPF_CORE_READ(file, f_op) != symbols[SYM_vfio_fops])
		return 0;
	container = BPF_CORE_READ(file, private_data);
	if (!container)
		return 0;
	put_container(container, file);
	PUT(holder_tables, w->files, container);
	remember_holder(w->task, object_id(container));
	e = EV_BEGIN(holder, object_id(container));
	if (!e)
		return 0;
	about_task(&e->h, w->task);
	e->files = object_id(w->files);
	e->slot = object_id(&w->fd[i]);
	e->fd = i;
	EV_END(e);
	return 0;
}

/* Each file table once: threads that share their leader's are passed over. */
SEC("iter/task")
int find_files(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct files_struct *files;
	struct file_walk w = {};
	struct fdtable *fdt;
	__u32 max;

	if (!task)
		return 0;
	__sync_fetch_and_add(&stats.tasks, 1);
	files = BPF_CORE_READ(task, files);
	if (!files || !symbols[SYM_vfio_fops])
		return 0;
	if (task->pid != task->tgid && BPF_CORE_READ(task, group_leader, files) == files)
		return 0;
	w.task = task;
	w.files = files;
	fdt = BPF_CORE_READ(files, fdt);
	w.fd = BPF_CORE_READ(fdt, fd);
	max = BPF_CORE_READ(fdt, max_fds);
	if (max > MAX_FDS) {
		__sync_fetch_and_add(&stats.cut, 1);
		max = MAX_FDS;
	}
	bpf_loop(max, look_at_fd, &w, 0);
	return 0;
}

/* ---- containers through all devices --------------------------------------- */

static __always_inline void on_device(const struct vfio_device *device)
{
	struct vfio_group *group = BPF_CORE_READ(device, group);
	struct vfio_container *container = BPF_CORE_READ(group, container);
	struct ev_device *e;

	if (!container)
		return;
	put_container(container, NULL);
	e = EV_BEGIN(device, object_id(container));
	if (!e)
		return;
	about_nobody(&e->h);
	e->device = object_id(device);
	e->group = BPF_CORE_READ(group, iommu_group, id);
	e->open = BPF_CORE_READ(device, open_count);
	e->backed = BPF_CORE_READ(group, type);
	device_name(device, e->device_name, sizeof(e->device_name));
	EV_END(e);
}

/* A walk along a list_head; the callback gets the entry after this one. */
struct list_walk {
	__u64 head, entry;
	__u64 arg, arg2, arg3;
	__u64 target;
	__u64 target_func;
};

static __always_inline __u64 list_step(struct list_walk *w)
{
	w->entry = word_at((void *)w->entry);
	return w->entry && w->entry != w->head ? w->entry : 0;
}

static __always_inline void list_begin(struct list_walk *w, const void *head)
{
	w->head = (__u64)head;
	w->entry = (__u64)head;
}

/* Walk with a bound; a walk that meets it is counted. */
#define LIST_WALK(fn, w)                                                    \
	do {                                                                \
		if (bpf_loop(MAX_LIST, fn, w, 0) >= MAX_LIST)               \
			__sync_fetch_and_add(&stats.cut, 1);                \
	} while (0)

static long look_at_device(__u32 i, struct list_walk *w)
{
	__u64 entry = list_step(w);

	if (!entry)
		return 1;
	on_device((void *)entry - bpf_core_field_offset(struct vfio_device, dev_set_list));
	return 0;
}

static __always_inline void on_device_set(const struct vfio_device_set *set)
{
	struct list_walk w = {};

	list_begin(&w, (void *)set + bpf_core_field_offset(struct vfio_device_set, device_list));
	LIST_WALK(look_at_device, &w);
}

struct xa_walk {
	__u64 node[XA_DEPTH];
	__u32 slot[XA_DEPTH];
	__u32 depth; /* nodes on the stack */
	__u32 pad;
};

static struct xa_walk xa_state;

static long xa_visit(__u32 i, void *unused)
{
	struct xa_walk *w = &xa_state;
	__u32 top = w->depth - 1, slot;
	struct xa_node *node;
	__u64 entry;

	if (!w->depth)
		return 1;
	top &= XA_DEPTH - 1;
	slot = w->slot[top]++;
	if (slot >= XA_SLOTS) {
		w->depth--;
		return 0;
	}
	node = (void *)w->node[top];
	entry = word_at((void *)node + bpf_core_field_offset(struct xa_node, slots) + slot * sizeof(__u64));
	if (!entry)
		return 0;
	if ((entry & 3) == 2) {
		/* a node below, or (under 4096) a sibling or retry mark */
		if (entry > 4096 && w->depth < XA_DEPTH) {
			w->node[w->depth & (XA_DEPTH - 1)] = entry - 2;
			w->slot[w->depth & (XA_DEPTH - 1)] = 0;
			w->depth++;
		}
		return 0;
	}
	on_device_set((void *)entry);
	return 0;
}

SEC("syscall")
int find_devices(void *ctx)
{
	__u64 head;

	if (!symbols[SYM_vfio_device_set_xa])
		return 0;
	head = word_at((void *)symbols[SYM_vfio_device_set_xa] + bpf_core_field_offset(struct xarray, xa_head));
	if (!head)
		return 0;
	if ((head & 3) != 2) {
		on_device_set((void *)head);
		return 0;
	}
	xa_state.node[0] = head - 2;
	xa_state.slot[0] = 0;
	xa_state.depth = 1;
	if (bpf_loop(MAX_XA_STEPS, xa_visit, NULL, 0) >= MAX_XA_STEPS)
		__sync_fetch_and_add(&stats.cut, 1);
	return 0;
}
