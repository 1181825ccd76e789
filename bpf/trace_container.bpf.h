/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * trace_container.bpf.h - part of trace.bpf.c: open, release and the ioctls of a
 * container.
 */

/* ---- container: open, release, ioctls ------------------------------------- */

SEC("?fexit/vfio_fops_open")
int BPF_PROG(fexit__vfio_fops_open, struct inode *inode, struct file *file, int ret)
{
	return ret ? 0 : on_open(object_id(BPF_CORE_READ(file, private_data)));
}

SEC("?fentry/vfio_fops_release")
int BPF_PROG(fentry__vfio_fops_release, struct inode *inode, struct file *file)
{
	__u64 container = object_id(BPF_CORE_READ(file, private_data));
	struct call_state *c = call_begin();

	if (c)
		c->release_container = container;
	bpf_map_delete_elem(&windows, &container);
	on_release(container);
	return 0;
}

SEC("?fexit/vfio_fops_release")
int BPF_PROG(fexit__vfio_fops_release)
{
	struct call_state *c = call_end();

	if (!c)
		return 0;
	charge_flush(c);
	c->release_container = 0;
	return 0;
}

/* Read what the caller asked for. It is the caller's memory: told, not believed. */
static __always_inline void read_argument(struct call_state *c, __u32 cmd, const void *arg)
{
	struct unmap_arg unmap = {};
	struct map_arg map = {};

	if (cmd == VFIO_IOMMU_MAP_DMA) {
		bpf_probe_read_user(&map, sizeof(map), arg);
		c->io_flags = map.flags;
		c->io_argsz = map.argsz;
		c->io_iova = map.iova;
		c->io_size = map.size;
		c->io_vaddr = map.vaddr;
	} else {
		bpf_probe_read_user(&unmap, sizeof(unmap), arg);
		c->io_flags = unmap.flags;
		c->io_argsz = unmap.argsz;
		c->io_iova = unmap.iova;
		c->io_size = unmap.size;
		c->io_vaddr = 0;
	}
}

SEC("?fentry/vfio_fops_unl_ioctl")
int BPF_PROG(fentry__vfio_fops_unl_ioctl, struct file *file, unsigned int cmd, unsigned long arg)
{
	struct vfio_container *container = file->private_data;
	struct call_state *c;

	if ((cmd != VFIO_IOMMU_MAP_DMA && cmd != VFIO_IOMMU_UNMAP_DMA) || surely_unwanted(container))
		return 0;
	c = call_begin();
	if (!c)
		return 0;
	c->io_container = object_id(number_by(&c->io_container, container));
	c->io_cmd = cmd;
	/* the ioctl keeps the container from losing it */
	c->io_iommu = BPF_CORE_READ(container, iommu_data);
	c->io_invalid = iommu_invalid(c->io_iommu);
	c->io_counting = counting && bpf_core_field_exists(((struct vfio_dma *)0)->mm) &&
			 bpf_core_field_exists(((struct vfio_dma *)0)->locked_vm);
	c->io_uncredited = 0;
	read_argument(c, cmd, (void *)arg);
	return 0;
}

/* What its checks measure by. */
static __always_inline void fill_limits(struct ev_refuse *e, const struct vfio_container *container)
{
	struct vfio_iommu *iommu = BPF_CORE_READ(container, iommu_data);
	__u64 sizes;

	if (!iommu || !bpf_core_type_exists(struct vfio_iommu))
		return;
	sizes = BPF_CORE_READ(iommu, pgsize_bitmap);
	e->page = sizes & -sizes;
	e->avail = BPF_CORE_READ(iommu, dma_avail);
}

static __always_inline void on_refuse(struct call_state *c, const struct vfio_container *container, __u32 op, int ret,
				      __u32 invalid)
{
	struct ev_refuse *e;

	if (!wanted(EV_refuse, c->io_container))
		return;
	e = EV_BEGIN(refuse, c->io_container);
	if (!e)
		return;
	e->iova = c->io_iova;
	e->size = c->io_size;
	e->result = ret;
	e->op = op;
	e->invalid = invalid;
	e->emulated = has_emulated(container);
	e->vaddr = c->io_vaddr;
	e->argsz = c->io_argsz;
	e->flags = c->io_flags;
	fill_limits(e, container);
	EV_END(e);
}

/* Length of the container's window up to now, if it is over; forgets it then. */
static __always_inline __u64 window_end(__u64 container, __u32 invalid)
{
	__u64 *since, ns = 0;

	if (invalid)
		return 0;
	since = bpf_map_lookup_elem(&windows, &container);
	if (since) {
		ns = bpf_ktime_get_ns() - *since;
		bpf_map_delete_elem(&windows, &container);
	}
	return ns;
}

static __always_inline void fill_map(struct ev_map *e, const struct call_state *c)
{
	e->iova = c->io_iova;
	e->size = c->io_size;
	e->vaddr = c->io_vaddr;
	e->flags = c->io_flags;
}

static __always_inline void on_map(struct call_state *c)
{
	struct charge_call call;

	this_ioctl(c, &call);
	TELL_CALL(map, c, &call, fill_map(e, c));
}

static __always_inline void on_revalidate(struct call_state *c, __u32 invalid)
{
	__u64 ns = window_end(c->io_container, invalid);
	struct ev_revalidate *e;

	if (!wanted(EV_revalidate, c->io_container))
		return;
	e = EV_BEGIN(revalidate, c->io_container);
	if (!e)
		return;
	e->iova = c->io_iova;
	e->bytes = c->io_size;
	e->vaddr = c->io_vaddr;
	e->window_ns = ns;
	e->closed = invalid ? 0 : c->io_container;
	e->ranges = 1;
	e->invalid = invalid;
	EV_END_NOW(e);
}

/*
 * A range goes, and what it has charged is credited next: to nobody, if its address
 * space has no process any more. Memory of devices is not charged, so the size of the
 * range does not say how much that is. While all live there is nothing to count: user
 * space attaches this when the first has gone.
 */
SEC("?fentry/vfio_remove_dma")
int BPF_PROG(fentry__vfio_remove_dma, struct vfio_iommu *iommu, struct vfio_dma *dma)
{
	struct call_state *c;

	if (!bpf_core_field_exists(dma->mm) || !bpf_core_field_exists(dma->locked_vm))
		return 0;
	c = call_current();
	if (!c || c->io_cmd != VFIO_IOMMU_UNMAP_DMA)
		return 0;
	if (BPF_CORE_READ(dma, mm, mm_users.counter) <= 0)
		c->io_uncredited += BPF_CORE_READ(dma, locked_vm);
	return 0;
}

static __always_inline void fill_unmap(struct ev_unmap *e, const struct call_state *c, __u32 invalid, __u64 bytes)
{
	e->uncredited = c->io_uncredited;
	/* one that was under way when that was attached has not counted all */
	e->counted = c->io_counting || !somebody_left;
	e->iova = c->io_iova;
	e->size = bytes;
	e->flags = c->io_flags;
	e->closed = c->io_invalid && !invalid ? c->io_container : 0;
	e->invalid = invalid;
}

static __always_inline void on_unmap(struct call_state *c, __u32 invalid, __u64 bytes, bool tells)
{
	struct charge_call call;

	this_ioctl(c, &call);
	if (c->io_invalid && !invalid)
		bpf_map_delete_elem(&windows, &c->io_container);
	if (tells)
		TELL_CALL(unmap, c, &call, fill_unmap(e, c, invalid, bytes));
}

static __always_inline void on_invalidate(struct call_state *c, __u32 invalid, __u64 bytes, bool emulated)
{
	__u64 now = bpf_ktime_get_ns();
	struct ev_invalidate *e;

	if (!c->io_invalid)
		bpf_map_update_elem(&windows, &c->io_container, &now, BPF_ANY);
	if (!wanted(EV_invalidate, c->io_container))
		return;
	e = EV_BEGIN(invalidate, c->io_container);
	if (!e)
		return;
	e->iova = c->io_iova;
	e->bytes = bytes;
	e->ranges = invalid - c->io_invalid;
	e->invalid = invalid;
	e->flags = c->io_flags;
	e->emulated = emulated;
	EV_END_NOW(e);
}

/* Refused. Groups that are in a container before its driver are attached here; the functions that do it are inlined. */
static __always_inline int on_set_iommu(const struct vfio_container *container, unsigned long type, int ret)
{
	__u64 id = object_id(NUMBER(container));
	struct ev_refuse *e;

	if (!wanted(EV_refuse, id))
		return 0;
	e = EV_BEGIN(refuse, id);
	if (!e)
		return 0;
	e->result = ret;
	e->op = OP_SET_IOMMU;
	e->flags = type;
	EV_END(e);
	return 0;
}

/*
 * What happened is told by the kernel's count of invalid ranges: more of them
 * is an invalidation, fewer a restoration, whatever the flags now say. Two
 * calls on one container at once can swap their shares; the sum stays right.
 * A call that cannot write its answer has failed, and was done nevertheless;
 * one whose argument cannot be read has done nothing.
 */
static __always_inline void ioctl_ended(struct call_state *c, const struct vfio_container *container, bool unmap,
					const struct unmap_arg *told, long ret)
{
	__u32 invalid = iommu_invalid(c->io_iommu);
	bool tells = wanted(unmap ? EV_unmap : EV_map, c->io_container);
	__u64 bytes = 0;

	/* else it goes along with the record of a plain call */
	if (ret || invalid != c->io_invalid || !tells)
		charge_flush(c);
	if (ret) {
		__u32 op = unmap ? (c->io_flags & UNMAP_FLAG_VADDR ? OP_INVALIDATE : OP_UNMAP) :
				   (c->io_flags & MAP_FLAG_VADDR ? OP_REVALIDATE : OP_MAP);

		on_refuse(c, container, op, ret, invalid);
		if (ret != -EFAULT || !unmap || !c->io_argsz || invalid == c->io_invalid)
			return;
		bytes = c->io_size;
	}
	if (unmap) {
		if (!ret)
			bpf_probe_read_user(&bytes, sizeof(bytes), &told->size);
		if (invalid > c->io_invalid)
			on_invalidate(c, invalid, bytes, has_emulated(container));
		else
			on_unmap(c, invalid, bytes, tells);
	} else if (invalid < c->io_invalid) {
		on_revalidate(c, invalid);
	} else if (tells) {
		on_map(c);
	}
}

SEC("?fexit/vfio_fops_unl_ioctl")
int BPF_PROG(fexit__vfio_fops_unl_ioctl, struct file *file, unsigned int cmd, unsigned long arg, long ret)
{
	bool unmap = cmd == VFIO_IOMMU_UNMAP_DMA;
	struct vfio_container *container = file->private_data;
	struct call_state *c;

	if ((cmd != VFIO_IOMMU_MAP_DMA && !unmap) || surely_unwanted(container))
		return cmd == VFIO_SET_IOMMU && ret ? on_set_iommu(container, arg, ret) : 0;
	c = call_end();
	if (!c || c->io_cmd != cmd)
		return 0;
	remember_user();
	ioctl_ended(c, container, unmap, (void *)arg, ret);
	c->io_cmd = 0;
	return 0;
}
