// SPDX-License-Identifier: GPL-2.0-only
/*
 * floor pair|record|lsm [FUNCTION] - attaches the programs of floor.bpf.c with
 * that prefix, but those on FUNCTION, which this kernel does not have. Until
 * SIGTERM reads the records as cheaply as can be: every 50 ms, and looks at none
 * of them. Says in the end how many it has read, and how many were lost.
 */
#include <bpf/libbpf.h>
#include <err.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "floor_bpf.skel.h"

static volatile sig_atomic_t stop;

static void on_signal(int sig)
{
	(void)sig;
	stop = 1;
}

static int on_record(void *ctx, void *data, size_t size)
{
	(void)data, (void)size;
	++*(unsigned long long *)ctx;
	return 0;
}

static bool is_for(const struct bpf_program *prog, const char *function)
{
	return function && !strcmp(strchr(bpf_program__section_name(prog), '/') + 1, function);
}

static void choose(struct floor_bpf *skel, const char *prefix, const char *left_out)
{
	struct bpf_program *prog;
	unsigned int n = 0;

	bpf_object__for_each_program(prog, skel->obj) {
		bool chosen = !strncmp(bpf_program__name(prog), prefix, strlen(prefix)) && !is_for(prog, left_out);

		bpf_program__set_autoload(prog, chosen);
		n += chosen;
	}
	if (!n)
		errx(1, "no program begins with '%s'", prefix);
}

int main(int argc, char **argv)
{
	struct timespec every = { 0, 50000000 };
	unsigned long long records = 0;
	struct ring_buffer *ring;
	struct floor_bpf *skel;

	if (argc != 2 && argc != 3)
		errx(64, "usage: floor pair|record|lsm [FUNCTION]");
	signal(SIGTERM, on_signal);
	skel = floor_bpf__open();
	if (!skel)
		err(1, "open");
	choose(skel, argv[1], argv[2]);
	if (floor_bpf__load(skel) || floor_bpf__attach(skel))
		err(1, "load and attach");
	ring = ring_buffer__new(bpf_map__fd(skel->maps.events), on_record, &records, NULL);
	if (!ring)
		err(1, "ring buffer");
	puts("ready");
	fflush(stdout);
	while (!stop) {
		nanosleep(&every, NULL);
		ring_buffer__consume(ring);
	}
	ring_buffer__consume(ring);
	printf("%llu records, %llu lost\n", records, (unsigned long long)skel->bss->lost);
	return 0;
}
