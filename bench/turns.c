/* SPDX-License-Identifier: ISC */

/*
 * turns [-b LINE] ROUNDS WHAT COMMAND... [, COMMAND...]...
 *
 * Run commands in turns, so that a disturbance hits all of them, and print one
 * JSON object: the median time of each in milliseconds, from fork to the end
 * of its output and of the process, how many bytes it wrote, and the ratios of
 * the first to the others.  LINE is run by a shell before each, off the clock.
 */

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/mem.h"
#include "core/text.h"

#define MAX_COMMANDS 8
#define MAX_ROUNDS 1000

struct command {
	char **argv;
	double ms[MAX_ROUNDS];
	uint64_t n_bytes;
};

static struct command commands[MAX_COMMANDS];
static size_t n_commands;

static void __attribute__((noreturn)) give_up(const char *what, const char *why)
{
	fprintf(stderr, "turns: %s: %s\n", what, why);
	exit(1);
}

static void
run_once(struct command *c, int round)
{
	static char bytes[1 << 18];
	uint64_t start = clock_boot_ns();
	int out[2], status;
	ssize_t n;
	pid_t pid;

	if (pipe2(out, O_CLOEXEC) < 0)
		give_up(c->argv[0], "pipe");
	pid = fork();
	if (pid == 0) {
		dup2(out[1], STDOUT_FILENO);
		execvp(c->argv[0], c->argv);
		_exit(127);
	}
	close(out[1]);
	c->n_bytes = 0;
	while ((n = read(out[0], bytes, sizeof(bytes))) > 0)
		c->n_bytes += (uint64_t)n;
	close(out[0]);
	if (waitpid(pid, &status, 0) < 0 || status != 0)
		give_up(c->argv[0], "failed");
	c->ms[round] = (double)(clock_boot_ns() - start) / 1e6;
}

static void
run_before(const char *line)
{
	pid_t pid;
	int status;

	if (line == NULL)
		return;
	pid = fork();
	if (pid == 0) {
		execlp("sh", "sh", "-c", line, NULL);
		_exit(127);
	}
	if (waitpid(pid, &status, 0) < 0 || status != 0)
		give_up(line, "failed");
}

static int
by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void
show(const char *what, int rounds)
{
	printf("{\"what\":\"%s\",\"ms\":[", what);
	for (size_t i = 0; i < n_commands; i++) {
		qsort(commands[i].ms, (size_t)rounds, sizeof(double), by_value);
		printf("%s%.3f", i ? "," : "", commands[i].ms[rounds / 2]);
	}
	printf("],\"bytes\":%llu,\"ratios\":[",
	       (unsigned long long)commands[0].n_bytes);
	for (size_t i = 1; i < n_commands; i++)
		printf("%s%.3f", i > 1 ? "," : "",
		       commands[0].ms[rounds / 2] / commands[i].ms[rounds / 2]);
	printf("]}\n");
}

int
main(int argc, char **argv)
{
	const char *before = NULL;
	int rounds;

	if (argc > 2 && str_eq(argv[1], "-b")) {
		before = argv[2];
		argc -= 2;
		argv += 2;
	}
	rounds = argc > 3 ? (int)strtol(argv[1], NULL, 10) : 0;
	if (rounds < 1 || rounds > MAX_ROUNDS)
		give_up("usage", "turns [-b LINE] ROUNDS WHAT COMMAND... "
				 "[, COMMAND...]");
	for (int i = 3; i < argc && n_commands < MAX_COMMANDS; i++) {
		commands[n_commands++].argv = argv + i;
		while (i < argc && !str_eq(argv[i], ","))
			i++;
		argv[i] = NULL;
	}
	for (int round = 0; round < rounds; round++) {
		for (size_t i = 0; i < n_commands; i++) {
			run_before(before);
			run_once(&commands[i], round);
		}
	}
	show(argv[2], rounds);
	return 0;
}
