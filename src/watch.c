// SPDX-License-Identifier: GPL-2.0-only
/*
 * watch.c - one epoll loop: records, signals, the end of a command, time.
 *
 *	records  -> model; -> hold (hold.c) -> the sink
 *	suspicion (suspect.c) -> two looks, a moment apart -> all verdicts ->
 *		 what is new of them, as records (announce.c) -> the sink
 *
 * The ring buffer does not wake us for every record, so the loop comes by
 * every POLL_MS. It ends with the first INT, TERM or HUP, with the command,
 * with the time or count that was asked for, or when the sink has had enough;
 * a second INT kills, which detaches too.
 */
#include "watch.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sysexits.h>
#include <time.h>

#include "announce.h"
#include "child.h"
#include "emit.h"
#include "hold.h"
#include "ledger.h"
#include "log.h"
#include "suspect.h"

#define POLL_MS 100
#define SETTLE_NS (250 * NSEC_PER_MSEC) /* between the two looks */
#define AGAIN_CHANGED_NS NSEC_PER_SEC	/* to the next pair if something changed */
#define AGAIN_NS (5 * NSEC_PER_SEC)	/* and if nothing did; doubled up to */
#define AGAIN_MAX_NS (60 * NSEC_PER_SEC)
#define DRAIN_NS (2 * NSEC_PER_SEC)

struct watch {
	const struct watch_options *opt;
	const struct watch_sink *sink;
	struct model *model;
	struct source_bpf *source;
	struct hold *hold;
	struct child child;
	struct watch_result *ret;
	int epoll, signals;

	__u64 began;	/* when the hooks were on */
	__u64 deadline; /* of -d; 0: none */
	__u64 counted;	/* events handed to the sink */
	bool stop;
	int error; /* -errno that ends it */

	bool changed;	    /* since suspect_at was worked out */
	__u64 suspect_at;   /* when a look is worth it; 0: never as things are */
	__u64 second_look;  /* when it is due; 0: no first look was taken */
	__u64 looked;	    /* when the last pair was complete */
	bool changed_since; /* since then */
	__u64 again;	    /* how long after looked the next pair may come */
	struct announced said;
	unsigned int drifts; /* how many the ledger had when it was judged last */
};

/* ---- records ------------------------------------------------------------------------ */

static bool is_chosen(const struct watch *w, const struct fdpin_hdr *h)
{
	static const __u64 always = 1ULL << EV_session | 1ULL << EV_gap | 1ULL << EV_lost | 1ULL << EV_look;
	__u64 events = w->opt->events;

	return !events || h->look || ((events | always) >> h->type & 1) ||
	       (w->opt->filter.stacks && h->type == EV_stack);
}

/* The end of the way: hold.c and announce.c call this too. */
static int to_sink(void *ctx, const struct record *r)
{
	struct watch *w = ctx;
	int err;

	/* Enough were shown; what comes after is for the model only, but a loss is always told. */
	if (w->opt->count && w->counted >= w->opt->count && r->h->type != EV_lost && r->h->type != EV_gap)
		return 0;
	if (!is_chosen(w, r->h))
		return 0;
	err = w->sink->record(w->sink->ctx, r);
	if (err)
		return err;
	if (is_event(r->h) && ++w->counted == w->opt->count)
		w->stop = true;
	return 0;
}

/* Everything comes by here. Trouble is kept for the loop: a poll must not leave records behind. */
static int on_record(void *ctx, const struct record *r)
{
	struct watch *w = ctx;
	int err = model_apply(w->model, r);

	if (!err)
		err = hold_pass(w->hold, r);
	if (err && !w->error)
		w->error = err;
	if (!r->h->look && suspect_changes(r))
		w->changed = w->changed_since = true;
	return 0;
}

/* A loss that the source has not told as a record yet is told here. */
static void tell_loss(struct watch *w)
{
	__u64 lost = source_bpf_lost(w->source), told = model_lost(w->model);
	struct ev_lost e = EV_INIT(lost);

	if (lost <= told)
		return;
	e.count = lost - told;
	emit(on_record, w, &e.h);
}

static void poll_source(struct watch *w)
{
	int r = source_bpf_poll(w->source, 0);

	if (r < 0 && !w->error)
		w->error = r;
	tell_loss(w);
	if (!w->error)
		w->error = w->sink->flush(w->sink->ctx);
}

/* ---- looks and verdicts ---------------------------------------------------------------- */

static void look(struct watch *w)
{
	int r = source_bpf_look(w->source);

	if (r)
		emit_gap(on_record, w, "the state of the system", strerror(-r));
	poll_source(w);
}

/* Whatever is concluded now is what the result says at the end. */
static void judge(struct watch *w)
{
	int err;

	findings_free(&w->ret->findings);
	w->ret->findings = (struct findings){};
	w->drifts = model_ledger(w->model)->n_drifts;
	err = verdicts_judge(w->model, NULL, &w->ret->findings);
	if (!err)
		err = announce(&w->said, &w->ret->findings, to_sink, w);
	if (err && !w->error)
		w->error = err;
}

static void pair_complete(struct watch *w, __u64 now)
{
	w->second_look = 0;
	w->looked = now;
	w->again = w->changed_since || !w->again ? AGAIN_NS : w->again * 2;
	if (w->again > AGAIN_MAX_NS)
		w->again = AGAIN_MAX_NS;
	w->changed_since = false;
	judge(w);
}

/* When the next look is due; 0 for not at all. */
static __u64 look_due(const struct watch *w)
{
	__u64 not_before = w->looked ? w->looked + (w->changed_since ? AGAIN_CHANGED_NS : w->again) : 0;

	if (w->second_look)
		return w->second_look;
	if (!w->suspect_at)
		return 0;
	return w->suspect_at > not_before ? w->suspect_at : not_before;
}

static void suspicion(struct watch *w)
{
	__u64 now = now_ns(), due;

	if (w->changed) {
		w->suspect_at = suspect_when(w->model);
		w->changed = false;
		/* Nobody waits any more: what was said is over, and that needs no look. */
		if (!w->suspect_at && announced_any(&w->said))
			judge(w);
	}
	/* What broke a balance is known by its record: no look makes it surer. */
	if (w->drifts != model_ledger(w->model)->n_drifts)
		judge(w);
	due = look_due(w);
	if (!due || due > now)
		return;
	look(w);
	w->suspect_at = suspect_when(w->model);
	if (w->second_look)
		pair_complete(w, now);
	else
		w->second_look = now + SETTLE_NS;
}

/* ---- the loop ------------------------------------------------------------------------------ */

static __u64 earlier(__u64 a, __u64 b)
{
	return !a || (b && b < a) ? b : a;
}

static int timeout_ms(const struct watch *w)
{
	__u64 now = now_ns(), due = earlier(earlier(w->deadline, look_due(w)), hold_due(w->hold));

	if (due && due <= now)
		return 0;
	if (!due || due - now > POLL_MS * NSEC_PER_MSEC)
		return POLL_MS;
	return (due - now) / NSEC_PER_MSEC + 1;
}

/* The first one stops us in order; from then on INT and TERM do what they do by default. */
static void on_signal(struct watch *w)
{
	struct signalfd_siginfo info;
	sigset_t set;

	if (read(w->signals, &info, sizeof(info)) != sizeof(info))
		return;
	w->stop = true;
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

static void on_child_end(struct watch *w)
{
	w->ret->child_status = child_status(&w->child);
	w->stop = true;
}

static void loop(struct watch *w)
{
	struct epoll_event events[4];

	while (!w->stop && !w->error) {
		int n = epoll_wait(w->epoll, events, ARRAY_SIZE(events), timeout_ms(w));

		for (int i = 0; i < n; i++) {
			if (events[i].data.fd == w->signals)
				on_signal(w);
			else if (events[i].data.fd == w->child.pidfd)
				on_child_end(w);
		}
		poll_source(w);
		if (hold_expire(w->hold, now_ns()) && !w->error)
			w->error = -ENOMEM;
		suspicion(w);
		if (w->deadline && now_ns() >= w->deadline)
			w->stop = true;
	}
}

/* What is in the buffer still counts; a busy system may fill it for ever. */
static void drain(struct watch *w)
{
	__u64 until = now_ns() + DRAIN_NS;

	while (!w->error && source_bpf_poll(w->source, 0) > 0 && now_ns() < until)
		;
	tell_loss(w);
}

/* The verdicts at the end rest on two looks if anybody waits, also for an mmap_lock, or a range is invalid. */
static void last_looks(struct watch *w)
{
	struct timespec settle = { 0, SETTLE_NS };
	bool waits = suspect_waits(w->model);

	if (waits || w->opt->look_around)
		look(w);
	if (waits || suspect_waits(w->model) || suspect_locks(w->model) || suspect_invalid(w->model)) {
		nanosleep(&settle, NULL);
		look(w);
	}
	judge(w);
}

/* ---- beginning and end ---------------------------------------------------------------------- */

static int add_fd(const struct watch *w, int fd)
{
	struct epoll_event e = { .events = EPOLLIN, .data.fd = fd };

	return epoll_ctl(w->epoll, EPOLL_CTL_ADD, fd, &e) ? -errno : 0;
}

static int set_up(struct watch *w)
{
	sigset_t set;
	int r = 0;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	w->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	w->epoll = epoll_create1(EPOLL_CLOEXEC);
	w->hold = hold_new(w->opt->min_block_ns, to_sink, w);
	if (w->signals < 0 || w->epoll < 0 || !w->hold)
		return -errno;
	r = add_fd(w, w->signals);
	if (!r && w->opt->argv)
		r = child_fork(&w->child, w->opt->argv, w->opt->stdout_is_ours);
	if (!r && w->opt->argv)
		r = add_fd(w, w->child.pidfd);
	return r;
}

static int start(struct watch *w, struct u32_list *tgids)
{
	struct source_filter filter;
	const char *why = NULL;
	int r;

	if (w->child.pid > 0 && u32_list_add(tgids, w->child.pid)) {
		log_error("out of memory");
		return EX_OSERR;
	}
	filter = watch_filter(w->opt, tgids);
	r = source_bpf_open(&w->source, &filter, true, w->opt->command, on_record, w, &why);
	if (r) {
		log_error("cannot watch: %s", why ?: strerror(-r));
		return exit_status(r);
	}
	r = add_fd(w, source_bpf_fd(w->source));
	if (!r && w->child.pid > 0)
		r = source_bpf_follow(w->source, w->child.pid);
	if (r) {
		log_error("cannot watch: %s", strerror(-r));
		return EX_OSERR;
	}
	if (source_bpf_waits(w->source))
		log_notice("VFIO is not loaded; waiting for it");
	watch_tell_filter(w->opt, on_record, w);
	w->began = now_ns();
	if (w->opt->duration_ns)
		w->deadline = w->began + w->opt->duration_ns;
	w->sink->started(w->sink->ctx, w->child.pid);
	/* What hangs already is as suspicious as what will; and whose container it is says which kernel threads matter. */
	if (w->opt->look_around || w->opt->tgids.n) {
		look(w);
		w->changed = w->opt->look_around;
	}
	return w->child.pid > 0 ? child_start(&w->child, w->opt->argv[0]) : 0;
}

static int finish(struct watch *w)
{
	__u64 t;

	w->ret->lasted_ns = now_ns() - w->began;
	source_bpf_ending(w->source);
	if (w->error != -EPIPE) {
		drain(w);
		last_looks(w);
	}
	w->ret->lost = source_bpf_lost(w->source);
	t = now_ns();
	source_bpf_close(w->source);
	w->source = NULL;
	w->ret->detach_ns = now_ns() - t;
	if (!w->error || w->error == -EPIPE)
		return EX_OK;
	log_error("stopped: %s", strerror(-w->error));
	return exit_status(w->error);
}

int watch_run(const struct watch_options *opt, const struct watch_sink *sink, struct model *model,
	      struct watch_result *ret)
{
	struct watch w = { .opt = opt, .sink = sink, .model = model, .ret = ret, .epoll = -1, .signals = -1 };
	struct u32_list tgids = {};
	int status;

	*ret = (struct watch_result){ .child_status = -1 };
	w.child = (struct child)CHILD_NONE;
	for (unsigned int i = 0; i < opt->tgids.n; i++)
		if (u32_list_add(&tgids, opt->tgids.v[i]))
			return EX_OSERR;
	status = set_up(&w);
	if (status) {
		log_error("cannot start: %s", strerror(-status));
		status = EX_OSERR;
	} else {
		status = start(&w, &tgids);
	}
	if (!status) {
		loop(&w);
		status = finish(&w);
	}
	source_bpf_close(w.source);
	child_release(&w.child);
	hold_free(w.hold);
	announced_free(&w.said);
	u32_list_free(&tgids);
	closep(&w.epoll);
	closep(&w.signals);
	return status ?: ret->child_status >= 0 ? ret->child_status : EX_OK;
}
