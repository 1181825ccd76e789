/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * snapshot_blocked.bpf.h - part of snapshot.bpf.c: who is blocked on a range, and
 * who has hung a barrier or a flusher on the work item that is.
 */

/* ---- who is blocked, and who waits for them ------------------------------- */

static __always_inline void on_flusher(__u64 task_ptr, const struct work_struct *work,
				       const struct workqueue_struct *wq, __u32 via, __u64 container)
{
	struct task_struct *task = (void *)task_ptr;
	struct ev_flush *e;

	if (!task)
		return;
	PUT_NEW(interesting, task);
	e = EV_BEGIN(flush, container);
	if (!e)
		return;
	about_task(&e->h, task);
	e->via = via;
	e->work = object_id(work);
	function_name(e->func, sizeof(e->func), BPF_CORE_READ(work, func));
	if (wq)
		bpf_probe_read_kernel_str(e->wq_name, sizeof(e->wq_name), wq->name);
	EV_END(e);
}

static __always_inline struct work_struct *entry_work(__u64 entry)
{
	return (void *)entry - bpf_core_field_offset(struct work_struct, entry);
}

static __always_inline __u64 barrier_task(const struct work_struct *work)
{
	struct wq_barrier *barrier = (void *)work - bpf_core_field_offset(struct wq_barrier, work);

	return (__u64)BPF_CORE_READ(barrier, task);
}

/* worker->scheduled: what is queued behind the running item. arg: work, arg2: wq, arg3: container id. */
static long look_at_scheduled(__u32 i, struct list_walk *w)
{
	__u64 entry = list_step(w);
	struct work_struct *work;

	if (!entry)
		return 1;
	work = entry_work(entry);
	if ((__u64)BPF_CORE_READ(work, func) == symbols[SYM_wq_barrier_func])
		on_flusher(barrier_task(work), (void *)w->arg, (void *)w->arg2, VIA_BARRIER, w->arg3);
	return 0;
}

/*
 * pwq->inactive_works: items that wait until one of the queue's running ones
 * ends, which is the one we came from only if one runs at a time (target_func);
 * and barriers, which wait for the item in front of them (target).
 */
static long look_at_inactive(__u32 i, struct list_walk *w)
{
	__u64 entry = list_step(w);
	struct work_struct *work;
	struct workqueue_struct *wq = (void *)w->arg2;
	struct ev_queued *e;

	if (!entry)
		return 1;
	work = entry_work(entry);
	if ((__u64)BPF_CORE_READ(work, func) == symbols[SYM_wq_barrier_func]) {
		if (w->target)
			on_flusher(barrier_task(work), (void *)w->target, wq, VIA_BARRIER_PENDING, w->arg3);
		return 0;
	}
	w->target = (__u64)work;
	e = EV_BEGIN_FOUND(queued, w->arg3);
	if (!e)
		return 0;
	/* where more may run, its turn could come when another one ends */
	if (!w->target_func)
		e->h.grade = GRADE_INFERRED;
	e->work = object_id(work);
	e->behind = object_id((void *)w->arg);
	e->wq = object_id(wq);
	function_name(e->func, sizeof(e->func), BPF_CORE_READ(work, func));
	bpf_probe_read_kernel_str(e->wq_name, sizeof(e->wq_name), wq->name);
	EV_END(e);
	return 0;
}

static __always_inline __u64 flusher_task(const struct wq_flusher *flusher)
{
	const void *head = (void *)flusher + bpf_core_field_offset(struct wq_flusher, done) +
			   bpf_core_field_offset(struct completion, wait) +
			   bpf_core_field_offset(struct swait_queue_head, task_list);
	__u64 entry = word_at(head);

	if (!entry || entry == (__u64)head)
		return 0;
	return word_at((void *)entry - bpf_core_field_offset(struct swait_queue, task_list) +
		       bpf_core_field_offset(struct swait_queue, task));
}

/* Colours go round; those from the oldest open one up to the flusher's are waited for. */
static __always_inline bool colour_covers(const struct workqueue_struct *wq, int flusher_colour, int colour)
{
	int n = bpf_core_field_size(((struct pool_workqueue *)0)->nr_in_flight) / sizeof(int);
	int oldest = BPF_CORE_READ(wq, flush_color);

	if (n <= 0 || flusher_colour < 0)
		return false;
	return (colour - oldest + n) % (__u32)n <= (flusher_colour - oldest + n) % (__u32)n;
}

static __always_inline void on_wq_flusher(const struct wq_flusher *flusher, struct list_walk *w, int colour,
					  bool overflow)
{
	struct workqueue_struct *wq = (void *)w->arg2;

	if (overflow || colour_covers(wq, BPF_CORE_READ(flusher, flush_color), colour))
		on_flusher(flusher_task(flusher), (void *)w->arg, wq, VIA_FLUSHER, w->arg3);
}

/* target: colour of the running item; target_func: 1 for the overflow queue */
static long look_at_flusher(__u32 i, struct list_walk *w)
{
	__u64 entry = list_step(w);

	if (!entry)
		return 1;
	on_wq_flusher((void *)entry - bpf_core_field_offset(struct wq_flusher, list), w, w->target, w->target_func);
	return 0;
}

static __always_inline void look_at_workqueue(struct list_walk *w, const struct worker *worker)
{
	struct workqueue_struct *wq = (void *)w->arg2;
	int colour = BPF_CORE_READ(worker, current_color);
	struct wq_flusher *first = BPF_CORE_READ(wq, first_flusher);

	if (first)
		on_wq_flusher(first, w, colour, false);
	w->target = colour;
	w->target_func = 0;
	list_begin(w, (void *)wq + bpf_core_field_offset(struct workqueue_struct, flusher_queue));
	LIST_WALK(look_at_flusher, w);
	w->target_func = 1;
	list_begin(w, (void *)wq + bpf_core_field_offset(struct workqueue_struct, flusher_overflow));
	LIST_WALK(look_at_flusher, w);
}

static __always_inline void look_at_worker(const struct worker *worker, __u64 container)
{
	struct pool_workqueue *pwq = BPF_CORE_READ(worker, current_pwq);
	struct workqueue_struct *wq = BPF_CORE_READ(pwq, wq);
	struct list_walk w = {
		.arg = (__u64)BPF_CORE_READ(worker, current_work),
		.arg2 = (__u64)wq,
		.arg3 = container,
	};

	if (!w.arg || !wq)
		return;
	list_begin(&w, (void *)worker + bpf_core_field_offset(struct worker, scheduled));
	LIST_WALK(look_at_scheduled, &w);
	w.target = unknown_zero;
	w.target_func = is_ordered(pwq, wq);
	list_begin(&w, (void *)pwq + bpf_core_field_offset(struct pool_workqueue, inactive_works));
	LIST_WALK(look_at_inactive, &w);
	look_at_workqueue(&w, worker);
}

static __always_inline void on_blocked(struct task_struct *task, const struct worker *worker, __u64 container)
{
	struct workqueue_struct *wq;
	struct ev_block *e;

	e = EV_BEGIN(block, container);
	if (!e)
		return;
	about_task(&e->h, task);
	e->op = OP_UNKNOWN;
	e->class = task_class(task);
	if (worker) {
		wq = BPF_CORE_READ(worker, current_pwq, wq);
		e->work = object_id(BPF_CORE_READ(worker, current_work));
		e->wq = object_id(wq);
		function_name(e->func, sizeof(e->func), BPF_CORE_READ(worker, current_func));
		bpf_probe_read_kernel_str(e->wq_name, sizeof(e->wq_name), wq->name);
	}
	EV_END(e);
}

/* A worker that is not blocked itself but waits for one that is: who waits for it waits too. */
static __always_inline void on_runs(struct task_struct *task, const struct worker *worker)
{
	struct workqueue_struct *wq = BPF_CORE_READ(worker, current_pwq, wq);
	struct work_struct *work = BPF_CORE_READ(worker, current_work);
	struct ev_runs *e;

	if (!work)
		return;
	PUT_NEW(interesting, task);
	e = EV_BEGIN(runs, 0);
	if (!e)
		return;
	about_task(&e->h, task);
	e->work = object_id(work);
	e->wq = object_id(wq);
	function_name(e->func, sizeof(e->func), BPF_CORE_READ(worker, current_func));
	bpf_probe_read_kernel_str(e->wq_name, sizeof(e->wq_name), wq->name);
	EV_END(e);
}

SEC("iter/task")
int find_blocked(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct worker *worker;
	__u64 *container, id = 0;

	if (!task)
		return 0;
	container = HAS(waiters, task);
	if (!container && !HAS(interesting, task))
		return 0;
	if (!PUT_NEW(asked, task))
		return 0;
	worker = task_worker(task);
	if (container) {
		id = object_id((void *)*container);
		on_blocked(task, worker, id);
	} else if (worker) {
		on_runs(task, worker);
	}
	if (worker)
		look_at_worker(worker, id);
	return 0;
}
