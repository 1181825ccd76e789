/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * trace_close.bpf.h - part of trace.bpf.c: the release of a device, and the
 * flushes in it.
 */

/* ---- closing -------------------------------------------------------------- */

SEC("?fentry/vfio_device_fops_release")
int BPF_PROG(fentry__vfio_device_fops_release, struct inode *inode, struct file *file)
{
	struct vfio_device *device = file_vfio_device(file);
	struct call_state *c = call_begin();
	struct ev_close *e;

	if (!c)
		return 0;
	c->close_device = object_id(device);
	c->close_container = object_id(device_container(device));
	if (!c->close_container)
		c->close_container = context_id(object_id(device_ictx(device, device_group(device))));
	c->close_since = bpf_ktime_get_ns();
	if (!wanted(EV_close, c->close_container))
		return 0;
	e = EV_BEGIN(close, c->close_container);
	if (!e)
		return 0;
	e->device = c->close_device;
	device_name(device, e->device_name, sizeof(e->device_name));
	EV_END_NOW(e);
	return 0;
}

SEC("?fexit/vfio_device_fops_release")
int BPF_PROG(fexit__vfio_device_fops_release, struct inode *inode, struct file *file, int ret)
{
	struct call_state *c = call_end();
	struct ev_closed *e;

	if (!c || !c->close_since)
		return 0;
	charge_flush(c);
	if (wanted(EV_closed, c->close_container)) {
		e = EV_BEGIN(closed, c->close_container);
		if (e) {
			e->device = c->close_device;
			e->ns = bpf_ktime_get_ns() - c->close_since;
			EV_END_NOW(e);
		}
	}
	c->close_since = 0;
	return 0;
}

/* ---- flushing ------------------------------------------------------------- */

/*
 * The container a flush is about: that of the device the thread is closing,
 * else that of the blocked item it flushes. 0 for everybody else's flushes.
 */
static __always_inline __u64 flush_container(struct call_state *c, const struct work_struct *work)
{
	__u64 key = (__u64)work, *container;

	if (c && c->close_since)
		return c->close_container;
	container = work ? bpf_map_lookup_elem(&blocked_works, &key) : NULL;
	return container ? *container : 0;
}

/*
 * Everybody flushes, and the kernel leaves a program out while another thread,
 * preempted on the same processor, is in it. So each program here is there
 * twice: whichever runs first does it, and the other one sees by where the
 * arguments are, the same place for both, that it has been done.
 */
static __always_inline int on_flush(const void *ctx, struct work_struct *work, struct workqueue_struct *wq)
{
	__u64 container, at = (__u64)ctx;
	struct call_state *c = call_current();
	struct ev_flush *e;

	if (c && c->flush_since && c->flush_at == at)
		return 0;
	container = flush_container(c, work);
	if (!container || !wanted(EV_flush, container))
		return 0;
	c = call_begin();
	if (!c)
		return 0;
	c->flush_since = bpf_ktime_get_ns();
	c->flush_at = at;
	e = EV_BEGIN(flush, container);
	if (!e)
		return 0;
	e->via = wq ? VIA_FLUSH_WQ : VIA_FLUSH;
	if (work) {
		e->work = object_id(work);
		function_name(e->func, sizeof(e->func), BPF_CORE_READ(work, func));
	}
	if (wq) {
		e->wq = object_id(wq);
		bpf_probe_read_kernel_str(e->wq_name, sizeof(e->wq_name), wq->name);
	}
	EV_END_NOW(e);
	return 0;
}

static __always_inline int on_flushed(void)
{
	struct call_state *c = call_current();
	struct ev_flushed *e;

	if (!c || !c->flush_since)
		return 0;
	e = EV_BEGIN(flushed, c->close_since ? c->close_container : 0);
	if (e) {
		e->ns = bpf_ktime_get_ns() - c->flush_since;
		EV_END_NOW(e);
	}
	c->flush_since = 0;
	return 0;
}

/* true: a barrier is queued and the caller will wait for it */
#define START_FLUSH_WORK(name)                                                               \
	SEC("?fexit/start_flush_work")                                                       \
	int BPF_PROG(name, struct work_struct *work, void *barr, bool from_cancel, bool ret) \
	{                                                                                    \
		return ret ? on_flush(ctx, NUMBER(work), NULL) : 0;                          \
	}

START_FLUSH_WORK(fexit__start_flush_work)
START_FLUSH_WORK(fexit__start_flush_work__again)

#define FLUSH_WORK(name)                                  \
	SEC("?fentry/__flush_work")                       \
	int BPF_PROG(name, struct work_struct *work)      \
	{                                                 \
		return on_flush(ctx, NUMBER(work), NULL); \
	}

FLUSH_WORK(fentry____flush_work)
FLUSH_WORK(fentry____flush_work__again)

#define FLUSH_WORKQUEUE(name)                           \
	SEC("?fentry/__flush_workqueue")                \
	int BPF_PROG(name, struct workqueue_struct *wq) \
	{                                               \
		return on_flush(ctx, NULL, NUMBER(wq)); \
	}

FLUSH_WORKQUEUE(fentry____flush_workqueue)
FLUSH_WORKQUEUE(fentry____flush_workqueue__again)

#define FLUSHED(name, function)                                    \
	SEC("?fexit/" #function) int BPF_PROG(name, void *flushed) \
	{                                                          \
		return on_flushed();                               \
	}

FLUSHED(fexit____flush_work, __flush_work)
FLUSHED(fexit____flush_work__again, __flush_work)
FLUSHED(fexit__flush_work, flush_work)
FLUSHED(fexit__flush_work__again, flush_work)
FLUSHED(fexit____flush_workqueue, __flush_workqueue)
FLUSHED(fexit____flush_workqueue__again, __flush_workqueue)
