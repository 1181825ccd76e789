/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * act.h - the steps the acts are made of
 *
 * An act is a program that brings the kernel into one state and says, in
 * key=value lines on its standard output, what an observer has to find. It
 * consists of two processes: the actor, which opens the container and does
 * things (act.c), and a watcher, which owns no vfio file, sees from outside
 * when the state is reached, prints "ready" and stays (watch.c). The watcher
 * has to be another process: a second thread of the actor could still
 * restore the range, and then a deadlock would be none.
 *
 * Errors end the program; there is nobody to hand them to.
 */
#ifndef ACT_H
#define ACT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "../kmod/fdpin_mdev.h"

enum how { HOW_CLOSE, HOW_EXIT, HOW_KILL, HOW_MAX };

struct act_opts {
	__u32 op, ctx, close, how;
	__u64 iova, size, offset, len;
	unsigned int pins, rounds, hold_ms, delay_ms, other_ms;
	unsigned int timeout, seed;
	bool unmap_flush;
	const char *what;	/* --what WORD: the act says what it is */
	const char *pci;	/* path of a vfio-pci group, or of a device of /dev/vfio/devices */
	const char *other;	/* another one */
	const char *comm, *name;
	const char *oracle;	/* where it waits for questions */
};

/* A container, the mdev group and device in it, and one mapping. */
struct box {
	int claim, container, group, pci, device, memfd, id;
	void *mem;
	__u64 iova, size;
	char uuid[40];
};

/* What the processes of one act tell each other. */
struct shared {
	__u32 quit;		/* futex word: undo and leave */
	__u32 ready;		/* the actor says: as far as I get */
	__u32 refused;
	__u32 kill_me;
	__u32 undo;		/* somebody will react to quit */
	pid_t closer;		/* tid that will hang, 0: nobody */
	char uuid[40];		/* of the device whose worker will block */
	int quit_fd;		/* eventfd, readable with quit */
	__u64 tried_ns;		/* when get_past() made its last call */
};

/* When the watcher says "ready". */
enum reach {
	REACH_STUCK,		/* closer and worker both asleep in vfio */
	REACH_ATTACHING,	/* the "closer" is asleep in an attach */
	REACH_CALLING,		/* the "closer" is asleep in a call of iommufd */
	REACH_MAPPING,		/* the "closer" is asleep in a mapping of type1 */
	REACH_BLOCKED,		/* the worker is asleep, and the actor ready */
	REACH_READY,		/* the actor is ready */
	REACH_END,		/* the actor has ended */
};

extern struct act_opts opt;
extern struct shared *shared;

/* act.c: words */
void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void die(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));
void say_result(const char *call, long ret); /* CALL=done, or its errno */
void act_options(int argc, char **argv);
bool what_is(const char *word);
void drop_ipc_lock(void);

/* act.c: the container */
void box_open(struct box *b);
void box_open_pci(struct box *b);
void box_open_device(struct box *b);
void box_memory(struct box *b);
void box_map(struct box *b);
int box_try_map(struct box *b);
void box_unmap(struct box *b);
int box_try_invalidate(struct box *b);
void box_invalidate(struct box *b);
int box_try_revalidate(struct box *b);
void box_revalidate(struct box *b);
const char *range_state(struct box *b);
void ask_oracle(const char *what, const struct box *b);
long group_set(int group, int container);
long group_unset(int group);
void box_close(struct box *b);
void box_setup(struct box *b);
void box_say(const struct box *b, const char *prefix);
int open_mdev_group(struct box *b);
const char *mdev_cdev(const struct box *b);
long ioctl32(int fd, unsigned long cmd, const void *arg); /* where there is such a call */

/* act.c: the device */
int box_try_command(struct box *b, const struct fdpin_cmd *cmd);
void box_command(struct box *b, __u32 op, __u32 ctx, __u32 close);
struct fdpin_result box_finish(struct box *b);
void box_block(struct box *b);
void box_act_and_block(struct box *b);

/* act.c: other processes and threads */
void open_pair(int pair[2]);
void box_send(const struct box *b, int sock);
void box_receive(struct box *b, int sock);
pid_t fork_holder(void (*body)(void *), void *arg);
void run_thread(void *(*body)(void *), void *arg);

/* ways.c: what several attempts are made of */
void say_state(const char *call, struct box *b);
void came_to(const char *call, struct box *b, long ret);
pid_t forked(void);
void waited_for(pid_t pid);
void another_cgroup(void);
void another_user(void);

struct late_page {
	void *at; /* one more is behind it, as any other */
	int uffd;
};

void late_page(struct late_page *ret);
bool late_page_asked_for(const struct late_page *p, const bool *over);
void late_page_supply(const struct late_page *p, const void *what, size_t size);

struct late_answer {
	bool asked; /* the kernel has waited for it */
	long ret;
	int error;
};

struct late_answer late_call(int container, unsigned long cmd, const void *arg, size_t size, __u32 flags);
void *pages(size_t n, int prot, int flags, int fd);
int memory_file(size_t size);
pid_t process_that_sleeps(int fd, unsigned long cmd, unsigned int n);
void end_process(pid_t pid);
void pci_device_of(const char *group, char *name, size_t len);
int get_past(struct box *b, bool read_only);
void box_park(struct box *b, int sock);
void box_fetch(struct box *b, int sock);

/* watch.c */
void expect(const char *deadlock, const char *grade, const char *stall);
int act_run(void (*actor)(void), enum reach reach);
void ready(void);
void wait_quit(void);
void stay(void);
void hang_closing(struct box *b);
bool task_asleep(pid_t tid, const char *frame);
pid_t worker_of(const char *uuid, char *state, size_t len);
void refused(const char *call) __attribute__((noreturn));
__u64 now_ns(void);
void pause_ms(unsigned int ms);

#endif
