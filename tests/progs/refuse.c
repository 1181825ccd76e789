// SPDX-License-Identifier: GPL-2.0-only
/*
 * refuse - attaches refuse.bpf.c, says "ready" when it was seen to refuse, and
 * until SIGTERM stays; then says how many calls it has refused besides.
 *
 * Of the BPF programs of one hook the one that was attached last is asked first:
 * to come behind the guard this one has to be there before it.
 */
#include <bpf/libbpf.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>

#include "refuse_bpf.skel.h"

int main(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), sig;
	struct refuse_bpf *skel;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	skel = refuse_bpf__open_and_load();
	if (!skel || refuse_bpf__attach(skel))
		err(1, "load and attach");
	prctl(PR_SET_NAME, "refused");
	if (!ioctl(null, VFIO_GET_API_VERSION) || errno != EPERM)
		errx(1, "it is never called: bpf is not in the list of LSMs");
	prctl(PR_SET_NAME, "refuse");
	puts("ready");
	fflush(stdout);
	sigwait(&set, &sig);
	printf("refused=%llu\n", (unsigned long long)skel->bss->refused - 1);
	return 0;
}
