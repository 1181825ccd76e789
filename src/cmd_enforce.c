// SPDX-License-Identifier: GPL-2.0-only
/*
 * cmd_enforce.c - fdpin-trace enforce: the guard, in the foreground, from the
 * configuration to its end; and --check-config, which loads nothing.
 *
 * What the guard decides does not pass here: this prints what was decided.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sysexits.h>

#include "cmd.h"
#include "enforce.h"
#include "enforce_anchors.h"
#include "enforce_exempt.h"
#include "enforce_pins.h"
#include "log.h"
#include "probe.h"
#include "render.h"
#include "rights.h"
#include "service.h"
#include "types.h"

#include "../bpf/config.h"

#define POLL_MS 500
#define MEND_NS (2 * NSEC_PER_SEC)
#define MISSED_NS (10 * NSEC_PER_SEC) /* between two questions what the kernel has left out */
#define AGAIN_NS (10 * NSEC_PER_SEC) /* to the next try to come up, while an earlier guard goes on; doubled up to */
#define AGAIN_MAX_NS (300 * NSEC_PER_SEC)

static struct {
	bool check_config, monitor, service;
	__u64 duration_ns;
	const char *root, *output, *pin;
	struct exempt_args exempt;
} args;

static int pick_folder(const struct opt *o, const char *arg)
{
	if (arg && !*arg)
		return opts_bad(o, arg, "the name of a folder is wanted");
	args.pin = arg ?: PINS_FOLDER;
	return 0;
}

static const struct opt rows[] = {
	HEADING("CONFIGURATION"),
	OPTION(OPT_FLAG, 0, "check-config", NULL, &args.check_config, "read the configuration, show what follows from it, load nothing"),
	OPTION(OPT_FLAG, 0, "monitor", NULL, &args.monitor, "deny nothing, whatever the configuration says: tell what would be denied"),
	OPTION(OPT_FLAG, 0, "service", NULL, &args.service, "for systemd: say when it guards, read the configuration again on SIGHUP, write to the journal"),
	OPTION_CALL(0, "pin", "[FOLDER]", NULL, pick_folder, "refuse on if this process dies: pinned in a bpffs, there (" PINS_FOLDER ")"),
	OPTION(OPT_STRING, 0, "root", "FOLDER", &args.root, "look for the configuration below this folder"),
	HEADING("EXEMPTION"),
	OPTION(OPT_STRING, 0, "exempt", "RULE", &args.exempt.rule, "let somebody through by this rule, for a time; guard nothing. A guard that runs takes it within a second"),
	OPTION(OPT_TIME, 0, "for", "TIME", &args.exempt.for_ns, "for so long, at most 24h; it ends by itself"),
	OPTION(OPT_STRING, 0, "reason", "TEXT", &args.exempt.reason, "why: it is written down, and told with the exemption"),
	OPTION(OPT_STRING, 0, "cgroup", "GLOB", &args.exempt.cgroup, "who is in this control group, as fdpin-trace.conf(5) has it"),
	OPTION(OPT_STRING, 0, "uid", "LIST", &args.exempt.uid, "who has one of these user ids"),
	OPTION(OPT_STRING, 0, "exe", "PATH", &args.exempt.exe, "who runs this program"),
	OPTION(OPT_STRING, 'p', "pid", "PID", &args.exempt.pid, "this process; without any of the four: everybody"),
	HEADING("OUTPUT"),
	OPTION(OPT_STRING, 'o', "output", "FILE", &args.output, "write there; - is standard output"),
	HEADING("LIMITS"),
	OPTION(OPT_PERIOD, 'd', "duration", "TIME", &args.duration_ns, "stop after this time"),
	OPTIONS_END,
};

const struct opts cmd_enforce_opts = {
	.usage = "[OPTIONS]",
	.what = "Refuses what leads into the deadlock, with the error of a kernel that refuses it\n"
		"by itself: to invalidate addresses of a container with a mediated device, and to\n"
		"add a group, or open a mediated device, while an address is invalid. What the\n"
		"rules do is said by fdpin-trace.conf(5). It guards as long as it runs.",
	.examples = "  fdpin-trace enforce --check-config\n"
		    "  fdpin-trace enforce --monitor --duration 24h\n"
		    "  fdpin-trace enforce -j -o decisions.jsonl\n"
		    "  fdpin-trace enforce --exempt strict --for 15m --reason ticket-17 -p 20481\n",
	.rows = rows,
};

struct enforcement {
	struct output out;
	const struct format *format;
	struct view view;
	struct policy policy;
	struct guard *guard;
	struct exempt_work *exempt;
	struct anchors anchors;
	__u64 looked, counted; /* for exemptions, and for tables that are full: when last */
	struct full full;
	char full_status[FULL_STATUS];
	__u64 missed, missed_ns; /* runs of programs that the kernel has left out, as told; when it was asked last */
	__u64 mended, changed; /* for what somebody else has written: when last, and how often there was something */
	struct service *service; /* NULL: in the foreground */
	bool came_up;
	int epoll, signals;
	__u64 sign_of_life; /* when the next one is due; 0: never */
	__u64 told;	    /* decisions at the last status */
	__u64 told_ns;	    /* when that was */
};

/* ---- the configuration ----------------------------------------------------------------------- */

static int read_policy(struct policy *p)
{
	struct policy_problem problem;
	_cleanup_free_ char *file = NULL, *text = NULL;
	int r = policy_load(p, args.root, &problem);

	if (!r)
		return 0;
	if (r != -EINVAL) {
		log_error("cannot read the configuration: %s", strerror(-r));
		return exit_status(r);
	}
	file = escape_text(problem.file, sizeof(problem.file));
	text = escape_text(problem.text, sizeof(problem.text));
	if (problem.line)
		log_error("%s:%u: %s", file ?: "?", problem.line, text ?: "?");
	else
		log_error("%s: %s", file ?: "?", text ?: "?");
	log_hint("nothing of the configuration was taken; man 5 fdpin-trace.conf");
	return EX_CONFIG;
}

static struct hooks_state look_for_hooks(void)
{
	static const char *const needed[] = { "security_file_ioctl", "bpf_lsm_file_ioctl" };
	struct hooks_state s = { .there = KNOWN_YES };
	struct types *types = types_open();

	if (!types) {
		s.there = NOT_KNOWN;
		snprintf(s.why, sizeof(s.why), "this kernel has no type information (/sys/kernel/btf/vmlinux)");
		return s;
	}
	if (!probe_func(types, "vmlinux", needed[0]) && !probe_func(types, "vmlinux", needed[1])) {
		s.there = KNOWN_NO;
		snprintf(s.why, sizeof(s.why), "neither %s nor %s is in this kernel", needed[0], needed[1]);
	}
	types_close(types);
	return s;
}

static int check_config(struct output *o, const struct policy *p)
{
	struct hooks_state hooks = look_for_hooks();
	int err = 0;

	if (globals.json != JSON_OFF)
		err = enforce_config_json(o, p, &hooks);
	else
		enforce_config_text(o, p, &hooks);
	return err ? EX_OSERR : hooks.there == KNOWN_NO ? EX_CONFIG : EX_OK;
}

/* ---- the guard -------------------------------------------------------------------------------- */

static int on_record(void *ctx, const struct record *r)
{
	struct enforcement *e = ctx;
	int err;

	view_note(&e->view, r);
	if (e->service) {
		if (r->h->type == EV_decision)
			service_decision(r);
		else if (r->h->type == EV_lost)
			service_lost(((const struct ev_lost *)r->h)->count);
		return 0;
	}
	err = e->format->event(&e->out, &e->view, r);
	/* somebody may be waiting for it: decisions are rare */
	if (!err && (fflush(e->out.f) || output_broken(&e->out)))
		err = -EPIPE;
	return err;
}

static int add_fd(int epoll, int fd)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.fd = fd };

	return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &ev) ? -errno : 0;
}

/* Those that are words to it are waited for, and do nothing else from here on. */
static void block_words(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGHUP);
	sigprocmask(SIG_BLOCK, set, NULL);
}

static int set_up(struct enforcement *e)
{
	sigset_t set;
	int r;

	block_words(&set);
	e->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	e->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (e->signals < 0 || e->epoll < 0)
		return -errno;
	r = add_fd(e->epoll, e->signals);
	return r ?: add_fd(e->epoll, guard_fd(e->guard));
}

/* After a wake-up the next ones are left out for a time (WAKE_EVERY_NS), in which it is for us to look. */
static int wait_ms(__u64 deadline, bool woken)
{
	__u64 now = now_ns(), most = woken ? WAKE_EVERY_NS / NSEC_PER_MSEC : POLL_MS;

	if (!deadline || deadline > now + most * NSEC_PER_MSEC)
		return most;
	return deadline > now ? (deadline - now) / NSEC_PER_MSEC + 1 : 0;
}

/* To load takes rights that it has given up. */
static int check_next(const struct enforcement *e, struct policy *next)
{
	if (guard_can(e->guard, next))
		return 0;
	log_error("[protect] was off when this guard started, and can be switched on by another start only; nothing of the configuration was taken");
	policy_free(next);
	return -EOPNOTSUPP;
}

/* What is wrong is told, and what held goes on. */
static void reload(struct enforcement *e)
{
	struct policy next;

	service_reloading();
	if (!read_policy(&next) && !check_next(e, &next)) {
		guard_set_policy(e->guard, &next, args.monitor);
		policy_free(&e->policy);
		e->policy = next;
		log_notice("The configuration was read again.");
		if (guard_no_veto(e->guard))
			log_warning("no veto when a mediated device is opened: %s", guard_no_veto(e->guard));
	}
	service_status(e->guard, &e->policy, args.monitor);
	service_reloaded();
}

/* A storm of decisions wakes us for each. */
static void look_for_exemptions(struct enforcement *e)
{
	__u64 now = now_ns();

	if (!e->exempt || now < e->looked + POLL_MS * NSEC_PER_MSEC)
		return;
	e->looked = now;
	exempt_work(e->exempt, e->guard);
}

/* What they are does not change what is refused. */
static void look_for_anchors(struct enforcement *e)
{
	if (anchors_look(&e->anchors, e->guard) && e->service)
		service_status(e->guard, &e->policy, args.monitor);
}

/* With all of its rights somebody can write where the guard's policy is: it is told, and put right. */
static void look_for_changes(struct enforcement *e)
{
	__u64 now = now_ns();
	const char *what;

	if (now < e->mended + MEND_NS)
		return;
	e->mended = now;
	what = guard_mend(e->guard);
	if (!what)
		return;
	e->changed++;
	if (e->service)
		service_changed(what);
	else
		enforce_changed_text(what);
	if (!e->service && globals.json != JSON_OFF)
		enforce_changed_json(&e->out, what);
}

static void tell_full(struct enforcement *e, const struct full_change *c, bool denies)
{
	if (e->service) {
		service_full(c, denies);
		return;
	}
	enforce_full_text(c, denies);
	if (globals.json != JSON_OFF)
		enforce_full_json(&e->out, c);
}

/* While a program runs, a kernel that is preempted in it may leave it out for whoever comes next on that processor. */
static void look_for_missed(struct enforcement *e)
{
	__u64 now = now_ns(), missed;

	if (now < e->missed_ns + MISSED_NS)
		return;
	e->missed_ns = now;
	missed = guard_missed(e->guard);
	if (missed == e->missed)
		return;
	log_warning("the kernel left out programs of the guard %llu times: what such a call came to was not refused, nor judged when it was made",
		    missed - e->missed);
	e->missed = missed;
	service_missed(missed);
	if (e->service)
		service_status(e->guard, &e->policy, args.monitor);
}

/* Whoever fills one makes thousands of calls: what is said of it is one message, and what the status has. */
static void look_for_full(struct enforcement *e)
{
	bool denies = action_taken(&e->policy.rules[RULE_MDEV_VADDR], args.monitor) == ACTION_DENY;
	struct full_change changes[TABLE__max];
	struct full_look look;
	__u64 now = now_ns();
	unsigned int n;

	if (now < e->counted + POLL_MS * NSEC_PER_MSEC)
		return;
	e->counted = now;
	guard_places(e->guard, &look);
	n = full_look(&e->full, &look, now, changes);
	full_status(&e->full, denies, e->full_status, sizeof(e->full_status));
	service_full_status(e->full_status);
	for (unsigned int i = 0; i < n; i++)
		tell_full(e, &changes[i], denies);
	if (n && e->service)
		service_status(e->guard, &e->policy, args.monitor);
}

/* What systemd is told when the time has come: that refusals still come back refused, and will if this dies, and how many there were. */
static void keep_in_touch(struct enforcement *e)
{
	struct guard_counters c;
	__u64 sum = 0, now = now_ns(), every = service_watchdog_ns();

	if (!e->service)
		return;
	service_repeats(false);
	c = guard_counters(e->guard);
	for (int i = 0; i < RULE__max; i++)
		for (int k = 0; k < GUARD_ACTIONS_ROOM; k++)
			sum += c.decisions[i][k];
	sum += full_unnoted(&c) + full_unwatched(&c);
	/* a storm of decisions wakes us for each */
	if (sum != e->told && now >= e->told_ns + POLL_MS * NSEC_PER_MSEC) {
		service_status(e->guard, &e->policy, args.monitor);
		e->told = sum;
		e->told_ns = now;
	}
	if (!every || now < e->sign_of_life)
		return;
	e->sign_of_life = now + every;
	if (!guard_alive(e->guard))
		log_error("a call that must be refused was not, or its record did not come: systemd is not told that all is well");
	else if (anchors_lost(&e->anchors))
		log_error("it refuses, but nothing would if it died: pins cannot be made, nor does systemd keep its descriptors. It is not told that all is well");
	else
		service_sign_of_life();
}

/* True to go on. */
static bool on_signal(struct enforcement *e)
{
	struct signalfd_siginfo info;

	if (read(e->signals, &info, sizeof(info)) != sizeof(info))
		return true;
	if (info.ssi_signo != SIGHUP || !e->service)
		return false;
	reload(e);
	return true;
}

static int loop(struct enforcement *e)
{
	__u64 deadline = args.duration_ns ? now_ns() + args.duration_ns : 0;
	bool woken = true; /* the canaries did */
	int r = 0;

	while (!r) {
		struct epoll_event ev;
		int n = epoll_wait(e->epoll, &ev, 1, wait_ms(deadline, woken));

		woken = n > 0;
		if (n < 0 && errno != EINTR)
			r = -errno;
		if (!r)
			r = guard_poll(e->guard);
		look_for_exemptions(e);
		look_for_anchors(e);
		look_for_changes(e);
		look_for_full(e);
		look_for_missed(e);
		keep_in_touch(e);
		if (!on_signal(e) || (deadline && now_ns() >= deadline))
			break;
	}
	/* what nobody reads is not decided: each that is counted is told */
	if (!e->service && !args.pin)
		guard_detach(e->guard);
	e->counted = 0;
	look_for_full(e);
	return r ?: guard_poll_last(e->guard);
}

/*
 * What loads is loaded, and is got at by its descriptors: maps, programs that
 * are called, iterators. To kill for max-window is all that takes a right. Before Linux 5.19
 * a kernel that lets nobody else use bpf(2) wants CAP_BPF for descriptors, too.
 */
static int drop_rights(const struct enforcement *e)
{
	__u64 needed = RIGHT(CAP_KILL);
	int r = rights_use(needed);

	if (!r && !guard_in_reach(e->guard))
		needed |= RIGHT(CAP_BPF);
	if (!r)
		r = rights_use(~0ULL); /* to give one up may take another one */
	if (!r)
		r = rights_keep(needed);
	if (r)
		log_error("rights that are not needed any more cannot be given up: %s", strerror(-r));
	return r;
}

static void begin(struct enforcement *e)
{
	int inherited = e->service ? service_inherited(e->service) : 0, r;

	e->exempt = exempt_work_new(args.root, e->service);
	if (!e->exempt)
		log_warning("exemptions are not looked for: out of memory");
	look_for_exemptions(e);
	enforce_begin_text(e->guard, &e->policy, args.monitor);
	/* what an earlier one has in quarantine comes into that of this one before the other is let go */
	guard_look(e->guard);
	pins_work_begin(e->anchors.pins);
	if (e->service) {
		if (inherited)
			log_notice("What an earlier one left attached (%d links) guarded until now.", inherited);
		r = service_ready(e->service, e->guard, &e->policy, args.monitor);
		if (r)
			log_warning("not kept over a crash: %s", strerror(-r));
		return;
	}
	if (globals.json != JSON_OFF)
		enforce_begin_json(&e->out, e->guard, &e->policy, args.monitor, pins_work_folder(e->anchors.pins));
	else
		e->format->begin(&e->out, &e->view);
	fflush(e->out.f);
}

static void finish(struct enforcement *e, __u64 began)
{
	struct enforce_end end = {
		.counters = guard_counters(e->guard),
		.lost = guard_lost(e->guard),
		.missed = guard_missed(e->guard),
		.lasted_ns = now_ns() - began,
		.pins_gone = pins_work_gone(e->anchors.pins),
		.changed = e->changed,
	};

	if (e->service) {
		service_repeats(true);
		service_stopping();
	} else if (globals.json != JSON_OFF)
		enforce_end_json(&e->out, &end);
	enforce_end_text(&end);
}

/* What cannot be guarded is a matter of configuration to whoever started it: exit status 78. */
static int open_status(int err)
{
	return err == -EOPNOTSUPP ? EX_CONFIG : err == -ENODEV ? EX_UNAVAILABLE : exit_status(err);
}

static int open_guard(struct enforcement *e)
{
	const char *why;
	int r = guard_open(&e->guard, &e->policy, args.monitor, on_record, e, &why);

	if (!r)
		return EX_OK;
	if (!strcmp(probe_lockdown(), "confidentiality"))
		why = "kernel lockdown is in mode confidentiality: no program may read kernel memory";
	log_error("cannot guard: %s", why);
	return open_status(r);
}

/* An exit status. What it was asked to end leaves no pins, nor does who reads it no more. */
static int run(struct enforcement *e, bool *ret_died)
{
	__u64 began;
	int r = set_up(e);

	e->came_up = true; /* from here on rights are given up that another try would need */
	if (!r)
		r = drop_rights(e);
	if (!r) {
		began = now_ns();
		begin(e);
		r = loop(e);
		finish(e, began);
	}
	*ret_died = r && r != -EPIPE;
	if (*ret_died)
		log_error("stopped: %s", strerror(-r));
	return exit_status(r);
}

/* Where systemd keeps what an earlier one left, it would let it go if none took over: then pins are not worth that. */
static int check_pins(struct enforcement *e, int status)
{
	if (!status || !e->service || !service_inherited(e->service))
		return status;
	pins_work_free(e->anchors.pins, false);
	e->anchors.pins = NULL;
	log_warning("it guards without pins: what systemd has kept would be let go if it did not");
	service_pins("they could not be made", args.pin);
	return EX_OK;
}

static int guard(struct enforcement *e)
{
	struct output *json = args.service || globals.json == JSON_OFF ? NULL : &e->out;
	bool died = false;
	int r;

	e->anchors.service = e->service;
	e->anchors.pins_wanted = args.pin;
	r = check_pins(e, pins_work_new(&e->anchors.pins, args.pin, args.service, json));
	if (!r)
		r = open_guard(e);
	if (!r)
		r = check_pins(e, pins_work_put(e->anchors.pins, e->guard));
	if (!r)
		r = run(e, &died);
	pins_work_free(e->anchors.pins, died);
	guard_close(e->guard);
	exempt_work_free(e->exempt);
	closep(&e->signals);
	closep(&e->epoll);
	e->anchors.pins = NULL;
	e->guard = NULL;
	e->exempt = NULL;
	return r;
}

/* An exit status, with the configuration as it is now. */
static int serve_once(struct enforcement *e)
{
	int r = read_policy(&e->policy);

	if (r)
		return r;
	r = guard(e);
	policy_free(&e->policy);
	return r;
}

/* True to try again: it was told to, or the time is over. False: it was told to end. */
static bool wait_for_word(__u64 ns)
{
	const struct timespec ts = { .tv_sec = ns / NSEC_PER_SEC };
	sigset_t set;
	int sig;

	block_words(&set);
	sig = sigtimedwait(&set, NULL, &ts);
	return sig < 0 || sig == SIGHUP;
}

/*
 * What an earlier one left attached still refuses, and systemd would let it go if this one
 * ended for a reason that a restart does not mend, as a typo in the configuration is. So
 * while it cannot come up it stays, does not say that it is ready, and tries again.
 */
static int serve_on(struct enforcement *e)
{
	__u64 pause = AGAIN_NS;
	int r = serve_once(e), left;

	while (r && !e->came_up && (left = service_inherited(e->service))) {
		log_warning("It does not guard. What an earlier one left attached (%d links) does, and goes on as it was; to try again: in %llu s, or on SIGHUP",
			    left, pause / NSEC_PER_SEC);
		service_waits(pause);
		if (!wait_for_word(pause))
			return EX_OK;
		pause = pause * 2 < AGAIN_MAX_NS ? pause * 2 : AGAIN_MAX_NS;
		r = serve_once(e);
	}
	return r;
}

static int serve(struct enforcement *e)
{
	int r = EX_OSERR;
	sigset_t set;

	if (!service_possible()) {
		log_error("--service is for systemd: there is none to talk to (NOTIFY_SOCKET), or this is built without libsystemd");
		return EX_UNAVAILABLE;
	}
	/* whoever tells it to read its configuration again does not mean to end it while it comes up */
	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	e->format = &format_text;
	e->service = service_new();
	if (e->service)
		r = serve_on(e);
	else
		log_error("out of memory");
	service_free(e->service);
	return r;
}

int cmd_enforce(int argc, char **argv)
{
	struct enforcement e = { .view = { .kind = VIEW_STREAM, .event_heading = "RULE" }, .epoll = -1, .signals = -1 };
	int r = opts_parse(&cmd_enforce_opts, argv[0], argc, argv, NULL);

	if (r)
		return r < 0 ? EX_OK : r;
	if (args.exempt.rule) {
		if (args.check_config || args.monitor || args.service || args.pin || args.output || args.duration_ns) {
			log_error("--exempt makes an exemption, and guards nothing: --check-config, --monitor, --service, --pin, -o and -d do not go with it");
			return EX_USAGE;
		}
		args.exempt.root = args.root;
		return exempt_make(&args.exempt);
	}
	if (args.exempt.for_ns || args.exempt.reason || args.exempt.cgroup || args.exempt.uid || args.exempt.exe || args.exempt.pid) {
		log_error("--for, --reason, --cgroup, --uid, --exe and --pid are of --exempt");
		return EX_USAGE;
	}
	if (args.service && !args.check_config)
		return serve(&e);
	r = read_policy(&e.policy);
	if (r)
		return r;
	if (output_open(&e.out, args.output)) {
		policy_free(&e.policy);
		return EX_CANTCREAT;
	}
	e.format = globals.json == JSON_OFF ? &format_text : &format_json;
	r = args.check_config ? check_config(&e.out, &e.policy) : guard(&e);
	policy_free(&e.policy);
	return output_close(&e.out, r);
}
