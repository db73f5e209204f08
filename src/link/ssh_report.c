/* SPDX-License-Identifier: ISC */

/*
 * The words of ssh; see ssh_report.h.
 *
 * A failure takes several lines, of which the first is not always the telling
 * one ("Connection closed" after "Permission denied").  So each line is looked
 * up in a table, and the row that stands highest explains the end.
 *
 * Rows about the host key count only until the machine has proved its key: the
 * lines after that may be its own, and a machine must not be able to make a
 * person forget a key.
 */

#include <string.h>

#include "core/buf.h"
#include "core/text.h"
#include "link/hostkey.h"

#include "link/ssh_report.h"

enum cause_kind {
	CAUSE_PLAIN,
	CAUSE_CHANGED,
	CAUSE_REVOKED,
	CAUSE_INVALID,
	CAUSE_UNKNOWN,
	CAUSE_DENIED,
};

struct cause {
	const char *part; /* of the line */
	enum cause_kind kind;
	enum err_code code;
	const char *text; /* NULL: ssh's line */
	const char *hint;
};

static const char check_network[] = "check the name, the port and the network";

static const struct cause causes[] = {
	/* The configuration. */
	{ "Bad configuration option", CAUSE_PLAIN, ERR_CONFIG, NULL,
	  "correct the configuration of ssh" },
	{ "terminating, ", CAUSE_PLAIN, ERR_CONFIG, NULL,
	  "correct the configuration of ssh" },
	{ "Bad owner or permissions on ", CAUSE_PLAIN, ERR_CONFIG, NULL,
	  "the file must be yours and writable by nobody else" },
	{ "Can't open user config file", CAUSE_PLAIN, ERR_CONFIG, NULL,
	  "check BERTH_SSH_CONFIG" },
	{ "hostname contains invalid characters", CAUSE_PLAIN, ERR_CONFIG, NULL,
	  "correct the host name of the machine" },
	{ "ControlSocket ", CAUSE_PLAIN, ERR_CONFLICT, NULL,
	  "another process uses this machine's socket" },
	{ "ControlPath too long", CAUSE_PLAIN, ERR_CONFIG, NULL,
	  "set XDG_RUNTIME_DIR or BERTH_HOME to a shorter directory" },
	{ "path too long", CAUSE_PLAIN, ERR_CONFIG, NULL,
	  "set XDG_RUNTIME_DIR or BERTH_HOME to a shorter directory" },

	/* The host key. */
	{ "REVOKED HOST KEY DETECTED", CAUSE_REVOKED, ERR_HOST_KEY, NULL,
	  NULL },
	{ "is marked as revoked", CAUSE_REVOKED, ERR_HOST_KEY, NULL, NULL },
	{ "REMOTE HOST IDENTIFICATION HAS CHANGED", CAUSE_CHANGED, ERR_HOST_KEY,
	  NULL, NULL },
	{ "Host key for ", CAUSE_CHANGED, ERR_HOST_KEY, NULL, NULL },
	{ "Certificate invalid", CAUSE_INVALID, ERR_HOST_KEY, NULL, NULL },
	{ "host key is known for", CAUSE_UNKNOWN, ERR_HOST_KEY, NULL, NULL },
	{ "Host key verification failed", CAUSE_UNKNOWN, ERR_HOST_KEY, NULL,
	  NULL },

	/* The login. */
	{ "Too many authentication failures", CAUSE_PLAIN, ERR_AUTH,
	  "the machine lost patience: too many keys or passwords were tried",
	  "name the right key (auth: key, key_file), or set IdentitiesOnly "
	  "for this host in ~/.ssh/config" },
	{ "Permission denied (", CAUSE_DENIED, ERR_AUTH, NULL, NULL },
	{ "No more authentication methods to try", CAUSE_DENIED, ERR_AUTH, NULL,
	  NULL },
	{ "Your account has expired", CAUSE_PLAIN, ERR_AUTH, NULL, NULL },
	{ "account is currently not available", CAUSE_PLAIN, ERR_AUTH, NULL,
	  NULL },

	/* What the two cannot agree on. */
	{ "Unable to negotiate with", CAUSE_PLAIN, ERR_UNSUPPORTED, NULL,
	  "one of the two is too old; see 'Legacy Options' of OpenSSH" },
	{ "Protocol major versions differ", CAUSE_PLAIN, ERR_UNSUPPORTED, NULL,
	  NULL },

	/* The way there. */
	{ "Could not resolve hostname", CAUSE_PLAIN, ERR_UNREACHABLE, NULL,
	  check_network },
	{ "Connection timed out during banner exchange", CAUSE_PLAIN,
	  ERR_UNREACHABLE, NULL,
	  "something listens there that is no ssh server, or it hangs" },
	{ "Connection refused", CAUSE_PLAIN, ERR_UNREACHABLE, NULL,
	  "no ssh server listens there; check the port" },
	{ "No route to host", CAUSE_PLAIN, ERR_UNREACHABLE, NULL,
	  check_network },
	{ "Network is unreachable", CAUSE_PLAIN, ERR_UNREACHABLE, NULL,
	  check_network },
	{ "Host is down", CAUSE_PLAIN, ERR_UNREACHABLE, NULL, check_network },
	{ "onnection timed out", CAUSE_PLAIN, ERR_UNREACHABLE, NULL,
	  check_network },
	{ "peration timed out", CAUSE_PLAIN, ERR_UNREACHABLE, NULL,
	  check_network },
	{ "administratively prohibited", CAUSE_PLAIN, ERR_UNREACHABLE, NULL,
	  "the host on the way forbids going on from it" },
	{ "open failed: ", CAUSE_PLAIN, ERR_UNREACHABLE, NULL, check_network },
	{ "Timeout, server ", CAUSE_PLAIN, ERR_UNREACHABLE, NULL,
	  check_network },
	{ "kex_exchange_identification:", CAUSE_PLAIN, ERR_UNREACHABLE, NULL,
	  "the machine hung up at once: it may be overloaded, starting, or "
	  "have banned this address" },
	{ "Not allowed at this time", CAUSE_PLAIN, ERR_UNREACHABLE, NULL,
	  "the machine bans this address for a while" },
	{ "banner line contains invalid characters", CAUSE_PLAIN,
	  ERR_UNREACHABLE, NULL, "that is no ssh server; check the port" },
	{ "Received disconnect from", CAUSE_PLAIN, ERR_UNREACHABLE, NULL,
	  NULL },
	{ "closed by remote host", CAUSE_PLAIN, ERR_UNREACHABLE, NULL, NULL },
	{ "Connection closed by", CAUSE_PLAIN, ERR_UNREACHABLE, NULL, NULL },
	{ "Connection reset by", CAUSE_PLAIN, ERR_UNREACHABLE, NULL, NULL },
	{ "Broken pipe", CAUSE_PLAIN, ERR_UNREACHABLE, NULL, NULL },
};

/* Debugging that says how far it is; the wording is that of 7.4 to 10. */
static const struct {
	const char *start;
	enum ssh_stage stage;
} steps[] = {
	{ "Connecting to ", SSH_STAGE_CONNECT },
	{ "Executing proxy ", SSH_STAGE_CONNECT },
	{ "Connection established", SSH_STAGE_HOST_KEY },
	{ "Remote protocol version ", SSH_STAGE_HOST_KEY },
	{ "SSH2_MSG_NEWKEYS received", SSH_STAGE_AUTH },
};

const char *
ssh_stage_name(enum ssh_stage stage)
{
	static const char *const names[] = { "resolve", "connect", "host_key",
					     "auth", "shell" };
	_Static_assert(ARRAY_SIZE(names) == SSH_STAGES, "a name per stage");

	return names[stage];
}

void
ssh_report_init(struct ssh_report *r)
{
	*r = (struct ssh_report){ .cause = SIZE_MAX };
}

static void
reach(struct ssh_report *r, enum ssh_stage stage)
{
	r->stage = MAX(r->stage, stage);
}

static void
add_debug(struct ssh_report *r, const char *line)
{
	static const char key[] = "Server host key: ";
	const char *at;

	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		if (str_starts(line, steps[i].start))
			reach(r, steps[i].stage);
	}
	/* What comes later may be the machine's own words. */
	if (!str_starts(line, key) || r->stage > SSH_STAGE_HOST_KEY)
		return;
	at = strrchr(line, ' ');
	(void)vis(r->fingerprint, sizeof(r->fingerprint), at + 1);
}

/* "Offending ED25519 key in /home/x/.ssh/known_hosts:3" */
static void
add_offending(struct ssh_report *r, const char *line)
{
	const char *at = strstr(line, " key in ");
	char *colon;

	if (!str_starts(line, "Offending ") || at == NULL)
		return;
	(void)vis(r->file, sizeof(r->file), at + strlen(" key in "));
	colon = strrchr(r->file, ':');
	if (colon == NULL)
		return;
	*colon = '\0';
	r->line = strtol(colon + 1, NULL, 10);
}

static bool
counts(const struct ssh_report *r, const struct cause *cause)
{
	return cause->code != ERR_HOST_KEY || r->stage <= SSH_STAGE_HOST_KEY;
}

static void
add_words(struct ssh_report *r, const char *line)
{
	for (size_t i = 0; i < MIN(r->cause, ARRAY_SIZE(causes)); i++) {
		if (strstr(line, causes[i].part) == NULL ||
		    !counts(r, &causes[i]))
			continue;
		r->cause = i;
		(void)vis(r->words, sizeof(r->words), line);
		return;
	}
}

/* What it says without being asked, also when nothing is wrong. */
static bool
is_routine(const char *line)
{
	static const char *const starts[] = { "Authenticated to ",
					      "Transferred: sent ",
					      "Bytes per second: sent " };

	for (size_t i = 0; i < ARRAY_SIZE(starts); i++) {
		if (str_starts(line, starts[i]))
			return true;
	}
	return false;
}

void
ssh_report_add(struct ssh_report *r, const char *bytes, size_t n)
{
	static const char debug[] = "debug1: ";
	char line[1024];

	n = MIN(n, sizeof(line) - 1);
	memcpy(line, bytes, n);
	line[n] = '\0';
	if (str_starts(line, debug)) {
		add_debug(r, line + sizeof(debug) - 1);
		return;
	}
	if (str_starts(line, "Authenticated to "))
		reach(r, SSH_STAGE_SHELL);
	if (is_routine(line))
		return;
	add_words(r, line);
	if (r->stage <= SSH_STAGE_HOST_KEY)
		add_offending(r, line);
	if (strstr(line, "UNPROTECTED PRIVATE KEY FILE"))
		r->has_bad_key_file = true;
	if (str_starts(line, "no such identity: ") ||
	    (str_starts(line, "Warning: Identity file ") &&
	     strstr(line, "not accessible")))
		r->has_no_key_file = true;
	if (line[0] && line[0] != '@')
		(void)vis(r->last, sizeof(r->last), line);
}

/* "user@host: Permission denied (publickey,password)." */
static int
denied(const struct ssh_report *r, struct err *err)
{
	const char *at = strchr(r->words, '(');
	int n = at ? (int)strcspn(at + 1, ")") : 0;

	err_set(err, ERR_AUTH, "the machine did not let us in%s%.*s%s",
		n ? " (it takes: " : "", n, n ? at + 1 : "", n ? ")" : "");
	if (r->has_bad_key_file)
		return err_hint(err, "the private key file may be read by "
				     "others, so ssh ignores it: chmod 600");
	if (r->has_no_key_file)
		return err_hint(err, "the key file is not there; check "
				     "key_file of the machine");
	return err_hint(err, "check user and key; 'ssh-add -l' shows the keys "
			     "of the agent");
}

static int
host_key_trouble(const struct ssh_report *r, enum hostkey_trouble trouble,
		 const char *machine, const char *host, struct err *err)
{
	const struct hostkey_facts facts = {
		.machine = machine,
		.host = host,
		.file = r->file[0] ? r->file : NULL,
		.line = r->line,
		.fingerprint = r->fingerprint[0] ? r->fingerprint : NULL,
	};

	return hostkey_error(trouble, &facts, err);
}

const char *
ssh_report_certificate(const struct ssh_report *r)
{
	bool is_invalid = r->cause != SIZE_MAX &&
			  causes[r->cause].kind == CAUSE_INVALID;

	return is_invalid ? r->words : NULL;
}

int
ssh_report_error(const struct ssh_report *r, const char *machine,
		 const char *host, struct err *err)
{
	const struct cause *cause;

	if (r->cause == SIZE_MAX && r->signal > 0)
		return err_set(err, ERR_UNREACHABLE, "ssh was killed (%s)",
			       strsignal(r->signal));
	if (r->cause == SIZE_MAX) {
		err_set(err, ERR_UNREACHABLE, "ssh ended%s%s",
			r->last[0] ? ": " : " without a word", r->last);
		return err_hint(err, "run ssh by hand to see more");
	}
	cause = &causes[r->cause];
	switch (cause->kind) {
	case CAUSE_CHANGED:
		return host_key_trouble(r, HOSTKEY_CHANGED, machine, host, err);
	case CAUSE_REVOKED:
		return host_key_trouble(r, HOSTKEY_REVOKED, machine, host, err);
	case CAUSE_INVALID:
		return host_key_trouble(r, HOSTKEY_INVALID, machine, host, err);
	case CAUSE_UNKNOWN:
		return host_key_trouble(r, HOSTKEY_UNKNOWN, machine, host, err);
	case CAUSE_DENIED:
		return denied(r, err);
	case CAUSE_PLAIN:
		break;
	}
	err_set(err, cause->code, "%s", cause->text ? cause->text : r->words);
	if (cause->hint)
		err_hint(err, "%s", cause->hint);
	return -1;
}
