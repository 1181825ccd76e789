/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * snapshot_files.bpf.h - part of snapshot.bpf.c: which containers there are.
 *
 * Two roots: file tables, read in place, and the set of all VFIO devices, which
 * also knows the containers of processes that have lost their file table.
 */

/* ---- containers through file tables --------------------------------------- */

static __always_inline void put_container(const void *container, __u32 kind, const struct file *file)
{
	__u64 k = (__u64)container;
	struct found_container *found = bpf_map_lookup_elem(&containers, &k), fresh = { .kind = kind };

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

	bpf_probe_read_kernel_str(user.comm, sizeof(user.comm), task->comm);
	bpf_map_update_elem(&vfio_users, &tgid, &user, BPF_ANY);
	if (bpf_map_lookup_elem(&tgids, &tgid))
		want_container(container);
}

static long look_at_fd(__u32 i, struct file_walk *w)
{
	struct file *file = file_at(w, i);
	struct ev_holder *e;
	void *container;
	__u64 id, ops;
	__u32 kind;

	ops = file ? (__u64)BPF_CORE_READ(file, f_op) : 0;
	if (!ops || (ops != symbols[SYM_vfio_fops] && ops != symbols[SYM_iommufd_fops]))
		return 0;
	kind = ops == symbols[SYM_vfio_fops] ? CONTAINER_TYPE1 : CONTAINER_IOMMUFD;
	container = BPF_CORE_READ(file, private_data);
	if (!container)
		return 0;
	id = container_id(container, kind);
	put_container(container, kind, file);
	PUT(holder_tables, w->files, container);
	remember_holder(w->task, id);
	e = EV_BEGIN(holder, id);
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
	struct file_walk w = {};
	__u32 slots;

	if (!ctx->task)
		return 0;
	__sync_fetch_and_add(&stats.tasks, 1);
	slots = files_begin(&w, ctx->task);
	if (slots)
		bpf_loop(slots, look_at_fd, &w, 0);
	return 0;
}

/* ---- containers through all devices --------------------------------------- */

static __always_inline void on_device(const struct vfio_device *device)
{
	struct vfio_group *group = device_group(device);
	struct iommu_group *iommu_group = NULL;
	void *container = NULL;
	__u32 kind = CONTAINER_TYPE1;
	struct ev_device *e;

	if (has_groups() && group) {
		container = group_container(group);
		iommu_group = BPF_CORE_READ(group, iommu_group);
	}
	if (!container) {
		container = device_ictx(device, group);
		kind = CONTAINER_IOMMUFD;
	}
	if (!container)
		return;
	put_container(container, kind, NULL);
	e = EV_BEGIN_FOUND(device, container_id(container, kind));
	if (!e)
		return;
	e->device = object_id(device);
	e->has_group = iommu_group != NULL;
	e->group = iommu_group ? BPF_CORE_READ(iommu_group, id) : 0;
	e->open = BPF_CORE_READ(device, open_count);
	e->backed = has_groups() && group ? BPF_CORE_READ(group, type) : device_has_access(device) ? BACKED_EMULATED : BACKED_IOMMU;
	e->cdev = device_cdev(device);
	if (kind == CONTAINER_IOMMUFD)
		e->ioas = device_ioas(device);
	device_name(device, e->device_name, sizeof(e->device_name));
	vfio_name(device, e->vfio_name, sizeof(e->vfio_name));
	EV_END(e);
}

SEC("syscall")
int find_devices(void *ctx)
{
	if (symbols[SYM_vfio_device_set_xa])
		walk_devices(symbols[SYM_vfio_device_set_xa]);
	return 0;
}
