/* SPDX-License-Identifier: ISC */

/*
 * Looking at machines; see checkup.h.
 *
 * The child writes messages, each in one write below PIPE_BUF: a row of the
 * report, all facts, or that a question begins or ends.  Both sides are one
 * program, forked, so a message is the struct as it lies in memory.
 */

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/clock.h"
#include "core/fs.h"
#include "core/mem.h"
#include "core/text.h"
#include "machine/machine.h"
#include "machine/resolve.h"
#include "client/client.h"
#include "client/daemon_json.h"
#include "client/hello.h"
#include "client/link_control.h"
#include "client/link_json.h"
#include "berth/checkup.h"
#include "berth/out/human.h"

#define LOW_SPACE (1ll << 30)

/* Certificates, tokens and `make' begin to suffer. */
#define MAX_SKEW_MS 2000

enum message_kind { SAY_ROW, SAY_FACTS, SAY_ASKING, SAY_ASKED };

struct message {
	enum message_kind kind;
	enum check_stage stage;
	union {
		struct check_row row;
		struct check_facts facts;
	};
};
_Static_assert(sizeof(struct message) <= PIPE_BUF, "one write is one message");

/* --- the child --- */

struct looker {
	int fd;			       /* to the parent */
	const struct machine *machine; /* NULL: this one */
	const char *link;
	const struct link_asker *asker;
	struct check_report report;
	enum check_stage at; /* the stage that is under way */
	uint64_t reached_ms; /* ... since the link began */
	uint64_t start_ms;
	bool has_stages; /* the link connected for us */
};

static void
send_message(const struct looker *l, const struct message *message)
{
	if (write_full(l->fd, message, sizeof(*message)) < 0)
		_exit(1);
}

static void PRINTF(5, 6)
    put(struct looker *l, enum check_stage stage, enum check_verdict verdict,
	int64_t ms, const char *fmt, ...)
{
	struct check_row *row = &l->report.rows[stage];
	struct message message = { .kind = SAY_ROW, .stage = stage };
	char text[sizeof(row->detail)];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	row->verdict = verdict;
	row->ms = ms;
	vis(row->detail, sizeof(row->detail), text);
	message.row = *row;
	send_message(l, &message);
}

/* The same words with another verdict. */
static void
settle(struct looker *l, enum check_stage stage, int64_t ms)
{
	char kept[sizeof(l->report.rows[stage].detail)];

	memcpy(kept, l->report.rows[stage].detail, sizeof(kept));
	put(l, stage, CHECK_OK, ms, "%s", kept);
}

static void
put_failure(struct looker *l, enum check_stage stage, const struct err *err)
{
	struct check_row *row = &l->report.rows[stage];
	uint64_t now = clock_mono_ms() - l->start_ms;

	row->code = err->code;
	vis(row->hint, sizeof(row->hint), err->hint);
	put(l, stage, CHECK_FAILED, (int64_t)(now - MIN(l->reached_ms, now)),
	    "%s", err->msg);
}

static void
put_facts(const struct looker *l)
{
	struct message message = { .kind = SAY_FACTS,
				   .facts = l->report.facts };

	send_message(l, &message);
}

/* A stage was reached: what was before it is done. */
static void
on_stage(const char *name, uint64_t ms, void *owner)
{
	struct looker *l = owner;
	enum check_stage stage = str_eq(name, "ready") ? CHECK_VERSION
						       : check_stage_of(name);

	if (l->asker && l->asker->on_stage)
		l->asker->on_stage(name, ms, l->asker->owner);
	if (stage == CHECK_STAGES)
		return;
	l->has_stages = true;
	while (l->at < stage) {
		settle(l, l->at++, (int64_t)(ms - MIN(l->reached_ms, ms)));
		l->reached_ms = ms;
	}
}

static void
on_end(void *owner)
{
	struct looker *l = owner;

	if (l->asker && l->asker->on_end)
		l->asker->on_end(l->asker->owner);
}

/* From the start again; why, is told at the end. */
static void
on_retry(const char *why UNUSED, uint64_t in_ms UNUSED, void *owner)
{
	struct looker *l = owner;

	l->at = CHECK_RESOLVE;
	l->reached_ms = 0;
}

static char *
ask(const struct link_question *question, void *owner)
{
	struct looker *l = owner;
	struct message message = { .kind = SAY_ASKING };
	char *answer;

	send_message(l, &message);
	answer = l->asker->ask(question, l->asker->owner);
	message.kind = SAY_ASKED;
	send_message(l, &message);
	return answer;
}

/* Where ssh would go; what is wrong with that, the link will say. */
static void
tell_resolved(struct looker *l)
{
	struct check_row *row = &l->report.rows[CHECK_RESOLVE];
	AUTO_RESOLVED r = { .hostname = NULL };
	struct err ignored = ERR_INIT;

	if (l->machine->transport == MACHINE_TRANSPORT_LOCAL ||
	    resolve_machine(l->machine, &r, &ignored) < 0)
		return;
	snprintf(row->detail, sizeof(row->detail),
		 "%s@%s, port %" PRId64 "%s%s", r.user ? r.user : "",
		 r.hostname, r.port, r.proxy_jump ? ", through " : "",
		 r.proxy_jump ? r.proxy_jump : "");
}

/* What the link knows that its stages did not say. */
static void
tell_link(struct looker *l)
{
	struct check_facts *facts = &l->report.facts;
	struct check_row *rows = l->report.rows;
	AUTO_BUF answer = BUF_INIT(LINK_MAX_ANSWER);
	AUTO_LINK_INFO info = { .machine = NULL };
	struct err err = ERR_INIT;

	if (link_control_call(l->link, "GET", "/v1/link", &answer, &err) < 0 ||
	    link_info_decode(buf_bytes(&answer), answer.len, &info, &err) < 0)
		return;
	if (info.host_key)
		vis(facts->host_key, sizeof(facts->host_key), info.host_key);
	if (info.life)
		vis(facts->life, sizeof(facts->life), info.life);
	put_facts(l);
	if (rows[CHECK_HOST_KEY].verdict == CHECK_OK && info.host_key)
		put(l, CHECK_HOST_KEY, CHECK_OK, rows[CHECK_HOST_KEY].ms, "%s",
		    info.host_key);
	if (rows[CHECK_SHELL].verdict == CHECK_OK && info.kernel)
		put(l, CHECK_SHELL, CHECK_OK, rows[CHECK_SHELL].ms, "%s",
		    info.kernel);
}

static int
look_at_link(struct looker *l)
{
	const struct link_asker asker = { .ask = l->asker ? ask : NULL,
					  .on_stage = on_stage,
					  .on_retry = on_retry,
					  .on_end = on_end,
					  .owner = l };
	struct err err = ERR_INIT;

	if (l->link == l->machine->name)
		tell_resolved(l);
	l->start_ms = clock_mono_ms();
	if (link_control_connect(l->link, 0, &asker, &err) < 0) {
		put_failure(l, l->at, &err);
		tell_link(l);
		return -1;
	}
	for (unsigned i = 0; i <= CHECK_DAEMON && !l->has_stages; i++)
		put(l, (enum check_stage)i, CHECK_OK, -1, "%s",
		    l->report.rows[i].detail[0] ? l->report.rows[i].detail
						: "the link is active");
	tell_link(l);
	return 0;
}

static void
look_at_version(struct looker *l, const struct hello *hello)
{
	struct check_row *row = &l->report.rows[CHECK_VERSION];
	char *version = l->report.facts.version;

	vis(version, sizeof(l->report.facts.version), hello->version);
	if (str_eq(hello->version, BERTH_VERSION)) {
		put(l, CHECK_VERSION, CHECK_OK, -1, "%s", version);
		return;
	}
	snprintf(row->hint, sizeof(row->hint), "berth machine up --upgrade %s",
		 l->report.name);
	put(l, CHECK_VERSION, CHECK_WARNING, -1,
	    "the daemon is %s, this program is %s", version, BERTH_VERSION);
}

/* The answer was written somewhere between the two times. */
static void
look_at_clock(struct looker *l, const struct daemon_info *info,
	      uint64_t asked_ns, uint64_t answered_ns)
{
	struct check_facts *facts = &l->report.facts;
	uint64_t theirs, ours = asked_ns + (answered_ns - asked_ns) / 2;
	struct err ignored = ERR_INIT;
	int64_t ms;

	if (info->time == NULL ||
	    rfc3339_parse(info->time, &theirs, &ignored) < 0)
		return;
	ms = (int64_t)(theirs - ours) / (int64_t)NS_PER_MS;
	facts->has_skew = true;
	facts->skew_ms = ms;
	if (ms > MAX_SKEW_MS || ms < -MAX_SKEW_MS)
		put(l, CHECK_CLOCK, CHECK_WARNING, -1,
		    "its clock is %s by %.1f s", ms > 0 ? "ahead" : "behind",
		    (double)(ms > 0 ? ms : -ms) / 1000);
	else
		put(l, CHECK_CLOCK, CHECK_OK, -1, "%+" PRId64 " ms", ms);
}

static bool
has_capability(const struct hello *hello, const char *name)
{
	for (char **one = hello->capabilities; one && *one; one++) {
		if (str_eq(*one, name))
			return true;
	}
	return false;
}

static void
look_at_runner(struct looker *l, const struct hello *hello)
{
	bool is_set = l->machine && l->machine->runner;
	const char *runner = is_set ? l->machine->runner : "process";
	bool is_plain = str_eq(runner, "process");
	AUTO_FREE char *capability = xasprintf("runner.%s", runner);
	bool dies = str_eq(l->report.facts.life, "attached");
	struct err err = ERR_INIT;

	if (has_capability(hello, is_plain ? "exec" : capability)) {
		put(l, CHECK_RUNNER, dies ? CHECK_WARNING : CHECK_OK, -1,
		    "%s%s", runner,
		    dies ? "; execs end with the connection, as the machine "
			   "wants it"
			 : "");
		return;
	}
	err_set(&err, ERR_UNSUPPORTED, "the daemon there has no runner \"%s\"",
		runner);
	put_failure(l, CHECK_RUNNER, &err);
}

static void
look_at_disk(struct looker *l, const struct daemon_info *info)
{
	struct check_row *row = &l->report.rows[CHECK_DISK];
	bool is_low = info->free_bytes < LOW_SPACE;
	char room[HUMAN_SIZE];

	if (info->free_bytes < 0)
		return;
	l->report.facts.free_bytes = info->free_bytes;
	if (is_low)
		snprintf(row->hint, sizeof(row->hint),
			 "remove old execs with 'berth exec rm', or make room");
	put(l, CHECK_DISK, is_low ? CHECK_WARNING : CHECK_OK, -1,
	    "%s free in %s", human_bytes(room, (uint64_t)info->free_bytes),
	    info->state_dir ? info->state_dir : "?");
}

static void
look_at_gpus(struct looker *l, const struct daemon_info *info)
{
	if (info->n_gpus < 0)
		return;
	l->report.facts.n_gpus = info->n_gpus;
	if (info->n_gpus == 0)
		put(l, CHECK_GPU, CHECK_OK, -1, "none");
	else
		put(l, CHECK_GPU, CHECK_OK, -1, "%" PRId64 " x %s",
		    info->n_gpus, info->gpu ? info->gpu : "unknown");
}

/* What the daemon says; an old one or a codexd says less. */
static void
look_inside(struct looker *l, struct client *client, const struct hello *hello)
{
	AUTO_BUF answer = BUF_INIT(DAEMON_MAX_ANSWER);
	AUTO_DAEMON_INFO info = DAEMON_INFO_INIT;
	uint64_t asked = clock_wall_ns();
	struct err err = ERR_INIT;

	look_at_version(l, hello);
	look_at_runner(l, hello);
	if (client_get(client, "/v1/daemon", &answer, &err) < 0) {
		put_failure(l, CHECK_DISK, &err);
		return;
	}
	if (daemon_info_decode(buf_bytes(&answer), answer.len, &info, &err) <
	    0) {
		put_failure(l, CHECK_DISK, &err);
		return;
	}
	look_at_clock(l, &info, asked, clock_wall_ns());
	look_at_disk(l, &info);
	look_at_gpus(l, &info);
	put_facts(l);
}

/* Without a link: what cannot be connected to is no daemon, either. */
static void
look_at_daemon(struct looker *l, bool is_linked)
{
	const struct reach_config config = {
		.machine = l->machine ? l->machine->name : NULL,
		.asker = l->asker,
	};
	int64_t before = l->report.rows[CHECK_DAEMON].ms;
	AUTO_BUF answer = BUF_INIT(HELLO_MAX);
	uint64_t begun = clock_mono_ms();
	AUTO_CLIENT *client = NULL;
	AUTO_HELLO hello = HELLO_INIT;
	struct err err = ERR_INIT;

	l->start_ms = begun;
	l->reached_ms = 0;
	client = client_new(&config, &err);
	if (client == NULL || client_prepare(client, &err) < 0 ||
	    hello_ask(client, &answer, &hello, &err) < 0) {
		put_failure(l, is_linked ? CHECK_DAEMON : CHECK_CONNECT, &err);
		return;
	}
	if (!is_linked)
		put(l, CHECK_CONNECT, CHECK_OK,
		    (int64_t)(clock_mono_ms() - begun), "%s",
		    client_reach(client)->base_url);
	put(l, CHECK_DAEMON, CHECK_OK,
	    MAX(before, 0) + (int64_t)(clock_mono_ms() - begun),
	    "process %" PRId64 "%s%s", hello.pid,
	    l->report.facts.life[0] ? ", " : "", l->report.facts.life);
	look_inside(l, client, &hello);
}

static bool
has_link(const struct machine *m)
{
	return m && m->addr == NULL && !m->use_direct_addr;
}

static __attribute__((noreturn)) void
look(const struct machine *machine, const struct checkup_config *config,
     const struct check_report *report, int fd)
{
	struct looker l = { .fd = fd,
			    .machine = machine,
			    .asker = config->asker,
			    .report = *report,
			    .start_ms = clock_mono_ms() };
	bool is_linked = has_link(machine);

	l.link = config->link ? config->link : machine ? machine->name : NULL;
	if ((!is_linked || look_at_link(&l) == 0) && config->link == NULL)
		look_at_daemon(&l, is_linked);
	_exit(0);
}

/* --- the parent --- */

struct job {
	pid_t pid;
	int fd; /* -1: not under way */
	bool is_started, is_asking, is_linked;
	uint64_t start_ms, deadline_ms;
};

static int
start_job(struct job *job, const struct machine *machine,
	  const struct checkup_config *config, struct check_report *report,
	  struct err *err)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_sys(err, "pipe");
	job->pid = fork();
	if (job->pid == 0) {
		close(fds[0]);
		look(machine, config, report, fds[1]);
	}
	close(fds[1]);
	if (job->pid < 0) {
		close(fds[0]);
		return err_sys(err, "fork");
	}
	job->fd = fds[0];
	job->is_started = true;
	job->is_linked = has_link(machine);
	job->start_ms = clock_mono_ms();
	job->deadline_ms = job->start_ms + config->timeout_ms;
	return 0;
}

static void
end_job(struct job *job, struct check_report *report)
{
	close(job->fd);
	job->fd = -1;
	(void)kill(job->pid, SIGKILL);
	(void)waitpid(job->pid, NULL, 0);
	report->total_ms = (int64_t)(clock_mono_ms() - job->start_ms);
}

/* Where it stands is the stage after the last that is known. */
static void
fail_in_time(const struct job *job, struct check_report *report,
	     const struct checkup_config *config)
{
	unsigned at = job->is_linked ? CHECK_RESOLVE : CHECK_CONNECT;
	char limit[HUMAN_SIZE];
	struct check_row *row;

	for (unsigned i = 0; i < CHECK_STAGES; i++) {
		if (report->rows[i].verdict != CHECK_SKIPPED)
			at = i + 1;
	}
	if (at == CHECK_STAGES || check_report_failure(report, NULL))
		return;
	row = &report->rows[at];
	row->verdict = CHECK_FAILED;
	row->code = ERR_TIMEOUT;
	snprintf(row->detail, sizeof(row->detail), "no answer within %s",
		 human_duration(limit, config->timeout_ms));
	if (config->link == NULL)
		snprintf(row->hint, sizeof(row->hint),
			 "--timeout gives it more time");
}

static void
take_message(struct job *job, struct check_report *report,
	     const struct checkup_config *config, const struct message *message)
{
	switch (message->kind) {
	case SAY_ROW:
		report->rows[message->stage] = message->row;
		break;
	case SAY_FACTS:
		report->facts = message->facts;
		break;
	case SAY_ASKING:
		job->is_asking = true;
		break;
	case SAY_ASKED:
		job->is_asking = false;
		job->deadline_ms = clock_mono_ms() + config->timeout_ms;
		break;
	}
}

/* It said all that it had to say; or it died, and then all is not well. */
static void
end_early(struct job *job, struct check_report *report)
{
	struct check_row *row = &report->rows[CHECK_DAEMON];

	end_job(job, report);
	if (row->verdict != CHECK_SKIPPED || check_report_failure(report, NULL))
		return;
	row->verdict = CHECK_FAILED;
	row->code = ERR_SYSTEM;
	snprintf(row->detail, sizeof(row->detail), "the check itself died");
}

static void
read_job(struct job *job, struct check_report *report,
	 const struct checkup_config *config)
{
	struct message message;
	ssize_t n = read_full(job->fd, &message, sizeof(message));

	if (n == (ssize_t)sizeof(message))
		take_message(job, report, config, &message);
	else
		end_early(job, report);
}

/* Those that may begin; the number of those that run. */
static int
start_some(struct job *jobs, const struct machine *const *machines, size_t n,
	   const struct checkup_config *config, struct check_report *reports,
	   struct err *err)
{
	size_t running = 0;

	for (size_t i = 0; i < n; i++)
		running += jobs[i].fd >= 0;
	for (size_t i = 0; i < n; i++) {
		if (jobs[i].is_started)
			continue;
		if (config->parallel && running >= config->parallel)
			break;
		if (start_job(&jobs[i], machines[i], config, &reports[i], err) <
		    0)
			return running > 0 ? (int)running : -1;
		running++;
	}
	return (int)running;
}

static int
poll_time(const struct job *jobs, size_t n)
{
	uint64_t now = clock_mono_ms(), next = UINT64_MAX;

	for (size_t i = 0; i < n; i++) {
		if (jobs[i].fd >= 0 && !jobs[i].is_asking)
			next = MIN(next, jobs[i].deadline_ms);
	}
	if (next == UINT64_MAX)
		return -1;
	return next > now ? (int)MIN(next - now, (uint64_t)INT_MAX) : 0;
}

static void
turn(struct job *jobs, struct pollfd *fds, size_t n,
     const struct checkup_config *config, struct check_report *reports)
{
	for (size_t i = 0; i < n; i++)
		fds[i] = (struct pollfd){ .fd = jobs[i].fd, .events = POLLIN };
	if (poll(fds, n, poll_time(jobs, n)) < 0)
		return;
	for (size_t i = 0; i < n; i++) {
		if (jobs[i].fd < 0)
			continue;
		if (fds[i].revents) {
			read_job(&jobs[i], &reports[i], config);
		} else if (!jobs[i].is_asking &&
			   clock_mono_ms() >= jobs[i].deadline_ms) {
			end_job(&jobs[i], &reports[i]);
			if (config->asker && config->asker->on_end)
				config->asker->on_end(config->asker->owner);
			fail_in_time(&jobs[i], &reports[i], config);
		}
	}
}

int
checkup_run(const struct machine *const *machines, size_t n,
	    const struct checkup_config *config, struct check_report *reports,
	    struct err *err)
{
	AUTO_FREE struct job *jobs = xcalloc(n + 1, sizeof(*jobs));
	AUTO_FREE struct pollfd *fds = xcalloc(n + 1, sizeof(*fds));
	int running;

	for (size_t i = 0; i < n; i++) {
		const struct machine *m = machines[i];

		jobs[i].fd = -1;
		check_report_init(&reports[i], m ? m->name : "local");
		reports[i].daemon_port = m ? m->daemon_port : 0;
		if (m && m->addr)
			snprintf(reports[i].addr, sizeof(reports[i].addr), "%s",
				 m->addr);
	}
	while ((running = start_some(jobs, machines, n, config, reports, err)) >
	       0)
		turn(jobs, fds, n, config, reports);
	return running;
}
