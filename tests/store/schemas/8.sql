CREATE TABLE attempt (
	id INTEGER NOT NULL,
	delivery_id INTEGER NOT NULL,
	at BIGINT NOT NULL,
	"before" TEXT NOT NULL,
	"after" TEXT NOT NULL,
	detail TEXT DEFAULT '' NOT NULL,
	PRIMARY KEY (id),
	FOREIGN KEY(delivery_id) REFERENCES delivery (id) ON DELETE CASCADE
);
CREATE TABLE author (
	id INTEGER NOT NULL,
	network TEXT NOT NULL,
	handle TEXT NOT NULL,
	name TEXT DEFAULT '' NOT NULL,
	url TEXT DEFAULT '' NOT NULL,
	followers BIGINT,
	PRIMARY KEY (id),
	UNIQUE (network, handle)
);
CREATE TABLE case_tag (
	tag TEXT NOT NULL,
	case_id INTEGER NOT NULL,
	PRIMARY KEY (tag, case_id),
	FOREIGN KEY(case_id) REFERENCES cases (id) ON DELETE CASCADE
);
CREATE INDEX case_tag_by_case ON case_tag (case_id);
CREATE TABLE cases (
	id INTEGER NOT NULL,
	author_id INTEGER NOT NULL,
	network TEXT NOT NULL,
	source TEXT NOT NULL,
	thread TEXT NOT NULL,
	status TEXT NOT NULL,
	priority TEXT NOT NULL,
	assignee TEXT,
	team TEXT,
	reason TEXT DEFAULT '' NOT NULL,
	snoozed_until BIGINT,
	due_at BIGINT,
	created_at BIGINT NOT NULL,
	last_at BIGINT NOT NULL,
	seen_at BIGINT NOT NULL,
	answered_at BIGINT,
	mentions INTEGER DEFAULT '0' NOT NULL,
	newest_mention_id BIGINT,
	version INTEGER DEFAULT '1' NOT NULL,
	waits_since BIGINT,
	PRIMARY KEY (id),
	UNIQUE (author_id, network, thread),
	FOREIGN KEY(author_id) REFERENCES author (id)
);
CREATE INDEX cases_by_assignee ON cases (assignee, last_at, id);
CREATE INDEX cases_by_last ON cases (last_at, id);
CREATE INDEX cases_by_status ON cases (status, last_at, id);
CREATE INDEX cases_snoozed ON cases (snoozed_until) WHERE snoozed_until IS NOT NULL;
CREATE TABLE change (
	id INTEGER NOT NULL,
	case_id BIGINT,
	kind TEXT NOT NULL,
	at BIGINT NOT NULL,
	PRIMARY KEY (id)
);
CREATE TABLE correction (
	id INTEGER NOT NULL,
	mention_id INTEGER,
	digest TEXT DEFAULT '' NOT NULL,
	numbers BLOB,
	language TEXT NOT NULL,
	said TEXT NOT NULL,
	score FLOAT NOT NULL,
	label TEXT NOT NULL,
	agent TEXT NOT NULL,
	at BIGINT NOT NULL,
	undone BOOLEAN DEFAULT 0 NOT NULL,
	PRIMARY KEY (id),
	FOREIGN KEY(mention_id) REFERENCES mention (id) ON DELETE CASCADE
);
CREATE TABLE correction_alike (
	correction_id INTEGER NOT NULL,
	mention_id INTEGER NOT NULL,
	said TEXT NOT NULL,
	score FLOAT NOT NULL,
	PRIMARY KEY (correction_id, mention_id),
	FOREIGN KEY(correction_id) REFERENCES correction (id) ON DELETE CASCADE,
	FOREIGN KEY(mention_id) REFERENCES mention (id) ON DELETE CASCADE
);
CREATE INDEX correction_alike_by_mention ON correction_alike (mention_id);
CREATE TABLE cursor (
	source TEXT NOT NULL,
	stream TEXT NOT NULL,
	bookmark TEXT DEFAULT '{}' NOT NULL,
	next_poll_at BIGINT NOT NULL,
	failures INTEGER DEFAULT '0' NOT NULL,
	last_success_at BIGINT,
	last_error TEXT DEFAULT '' NOT NULL,
	state TEXT DEFAULT 'ok' NOT NULL,
	quota_left INTEGER,
	PRIMARY KEY (source, stream)
);
CREATE TABLE delivery (
	id INTEGER NOT NULL,
	case_id INTEGER NOT NULL,
	mention_id INTEGER,
	kind TEXT NOT NULL,
	state TEXT NOT NULL,
	source TEXT NOT NULL,
	"to" TEXT NOT NULL,
	target TEXT NOT NULL,
	text TEXT NOT NULL,
	visibility TEXT DEFAULT '' NOT NULL,
	body_hash TEXT NOT NULL,
	identity TEXT NOT NULL,
	agent TEXT NOT NULL,
	created_at BIGINT NOT NULL,
	due_at BIGINT NOT NULL,
	attempts INTEGER DEFAULT '0' NOT NULL,
	absences INTEGER DEFAULT '0' NOT NULL,
	tried_at BIGINT,
	settled_at BIGINT,
	error TEXT DEFAULT '' NOT NULL,
	remote_id TEXT DEFAULT '' NOT NULL,
	remote_key TEXT DEFAULT '' NOT NULL,
	url TEXT DEFAULT '' NOT NULL,
	version INTEGER DEFAULT '1' NOT NULL,
	PRIMARY KEY (id),
	FOREIGN KEY(case_id) REFERENCES cases (id),
	FOREIGN KEY(mention_id) REFERENCES mention (id),
	UNIQUE (identity)
);
CREATE INDEX delivery_by_remote ON delivery (source, remote_id);
CREATE INDEX delivery_due ON delivery (state, due_at);
CREATE UNIQUE INDEX delivery_unsettled ON delivery (source, target, body_hash) WHERE state NOT IN ('sent','failed','withdrawn');
CREATE TABLE draft (
	case_id INTEGER NOT NULL,
	agent TEXT NOT NULL,
	kind TEXT NOT NULL,
	text TEXT NOT NULL,
	identity TEXT NOT NULL,
	updated_at BIGINT NOT NULL,
	PRIMARY KEY (case_id, agent, kind),
	FOREIGN KEY(case_id) REFERENCES cases (id) ON DELETE CASCADE
);
CREATE TABLE erased (
	digest TEXT NOT NULL,
	at BIGINT NOT NULL,
	PRIMARY KEY (digest)
);
CREATE TABLE issue (
	id INTEGER NOT NULL,
	phrase TEXT NOT NULL,
	label TEXT NOT NULL,
	first_seen BIGINT NOT NULL,
	last_seen BIGINT NOT NULL,
	pinned BOOLEAN DEFAULT 0 NOT NULL,
	merged_into INTEGER,
	typical_id BIGINT,
	stale BOOLEAN DEFAULT 1 NOT NULL,
	PRIMARY KEY (id),
	UNIQUE (phrase),
	FOREIGN KEY(merged_into) REFERENCES issue (id)
);
CREATE TABLE issue_act (
	id INTEGER NOT NULL,
	at BIGINT NOT NULL,
	agent TEXT NOT NULL,
	action TEXT NOT NULL,
	issue_id INTEGER NOT NULL,
	other_id BIGINT,
	"before" TEXT DEFAULT '' NOT NULL,
	"after" TEXT DEFAULT '' NOT NULL,
	undone_at BIGINT,
	PRIMARY KEY (id),
	FOREIGN KEY(issue_id) REFERENCES issue (id)
);
CREATE INDEX issue_act_by_agent ON issue_act (agent, id);
CREATE TABLE issue_move (
	act_id INTEGER NOT NULL,
	mention_id INTEGER NOT NULL,
	"before" BIGINT,
	PRIMARY KEY (act_id, mention_id),
	FOREIGN KEY(act_id) REFERENCES issue_act (id) ON DELETE CASCADE,
	FOREIGN KEY(mention_id) REFERENCES mention (id) ON DELETE CASCADE
);
CREATE INDEX issue_move_by_mention ON issue_move (mention_id);
CREATE TABLE issue_pending (
	mention_id INTEGER NOT NULL,
	pins_only BOOLEAN DEFAULT 0 NOT NULL,
	PRIMARY KEY (mention_id),
	FOREIGN KEY(mention_id) REFERENCES mention (id) ON DELETE CASCADE
);
CREATE TABLE issue_phrase (
	id INTEGER NOT NULL,
	issue_id INTEGER NOT NULL,
	act_id INTEGER NOT NULL,
	phrase TEXT NOT NULL,
	example BOOLEAN NOT NULL,
	PRIMARY KEY (id),
	FOREIGN KEY(issue_id) REFERENCES issue (id),
	FOREIGN KEY(act_id) REFERENCES issue_act (id)
);
CREATE TABLE issue_state (
	language TEXT NOT NULL,
	version BIGINT NOT NULL,
	body BLOB NOT NULL,
	PRIMARY KEY (language)
);
CREATE INDEX ix_attempt_delivery_id ON attempt (delivery_id);
CREATE INDEX ix_correction_digest ON correction (digest);
CREATE INDEX ix_correction_mention_id ON correction (mention_id);
CREATE INDEX ix_delivery_case_id ON delivery (case_id);
CREATE INDEX ix_issue_act_issue_id ON issue_act (issue_id);
CREATE INDEX ix_issue_merged_into ON issue (merged_into);
CREATE INDEX ix_issue_phrase_act_id ON issue_phrase (act_id);
CREATE INDEX ix_issue_phrase_issue_id ON issue_phrase (issue_id);
CREATE INDEX ix_journal_batch ON journal (batch);
CREATE INDEX ix_journal_case_id ON journal (case_id);
CREATE INDEX ix_mention_case_id ON mention (case_id);
CREATE INDEX ix_mention_issue_id ON mention (issue_id);
CREATE INDEX ix_mention_version_mention_id ON mention_version (mention_id);
CREATE INDEX ix_note_case_id ON note (case_id);
CREATE INDEX ix_presence_case_id ON presence (case_id);
CREATE INDEX ix_rejected_poll_id ON rejected (poll_id);
CREATE INDEX ix_vector_digest ON vector (digest);
CREATE TABLE journal (
	id INTEGER NOT NULL,
	batch BIGINT NOT NULL,
	case_id INTEGER NOT NULL,
	action TEXT NOT NULL,
	agent TEXT NOT NULL,
	at BIGINT NOT NULL,
	"before" TEXT NOT NULL,
	"after" TEXT NOT NULL,
	undone_by BIGINT,
	PRIMARY KEY (id),
	FOREIGN KEY(case_id) REFERENCES cases (id) ON DELETE CASCADE
);
CREATE INDEX journal_by_agent ON journal (agent, id);
CREATE TABLE layer (
	id INTEGER NOT NULL,
	at BIGINT NOT NULL,
	agent TEXT NOT NULL,
	corrections INTEGER NOT NULL,
	body BLOB NOT NULL,
	undone BOOLEAN DEFAULT 0 NOT NULL,
	PRIMARY KEY (id)
);
CREATE TABLE mention (
	id INTEGER NOT NULL,
	network TEXT NOT NULL,
	external_id TEXT NOT NULL,
	source TEXT NOT NULL,
	native_id TEXT DEFAULT '' NOT NULL,
	parent TEXT DEFAULT '' NOT NULL,
	thread TEXT NOT NULL,
	case_id INTEGER,
	author_id INTEGER NOT NULL,
	type TEXT NOT NULL,
	title TEXT DEFAULT '' NOT NULL,
	text TEXT NOT NULL,
	url TEXT DEFAULT '' NOT NULL,
	visibility TEXT DEFAULT 'public' NOT NULL,
	ours BOOLEAN DEFAULT 0 NOT NULL,
	language TEXT NOT NULL,
	sentiment TEXT NOT NULL,
	score FLOAT NOT NULL,
	intent TEXT,
	urgency INTEGER DEFAULT '0' NOT NULL,
	reasons TEXT DEFAULT '[]' NOT NULL,
	corrected_by TEXT,
	issue_id INTEGER,
	analysis INTEGER NOT NULL,
	created_at BIGINT NOT NULL,
	seen_at BIGINT NOT NULL,
	edited_at BIGINT,
	deleted_at BIGINT,
	checked_at BIGINT,
	copy_of BIGINT,
	PRIMARY KEY (id),
	UNIQUE (network, external_id),
	FOREIGN KEY(case_id) REFERENCES cases (id),
	FOREIGN KEY(author_id) REFERENCES author (id),
	FOREIGN KEY(issue_id) REFERENCES issue (id)
);
CREATE INDEX mention_by_author ON mention (author_id, created_at);
CREATE INDEX mention_by_copy ON mention (copy_of) WHERE copy_of IS NOT NULL;
CREATE INDEX mention_by_native ON mention (source, native_id);
CREATE INDEX mention_by_thread ON mention (network, thread);
CREATE INDEX mention_by_time ON mention (created_at, ours, case_id, author_id, issue_id, sentiment, language, network);
CREATE INDEX mention_by_url ON mention (url);
CREATE INDEX mention_copies ON mention (issue_id, created_at) WHERE copy_of IS NOT NULL;
CREATE VIRTUAL TABLE mention_fts USING fts5(title, text, tokenize = 'ascii');
CREATE TABLE mention_raw (
	mention_id INTEGER NOT NULL,
	body BLOB NOT NULL,
	PRIMARY KEY (mention_id),
	FOREIGN KEY(mention_id) REFERENCES mention (id) ON DELETE CASCADE
);
CREATE TABLE mention_version (
	id INTEGER NOT NULL,
	mention_id INTEGER NOT NULL,
	at BIGINT NOT NULL,
	title TEXT DEFAULT '' NOT NULL,
	text TEXT NOT NULL,
	PRIMARY KEY (id),
	FOREIGN KEY(mention_id) REFERENCES mention (id) ON DELETE CASCADE
);
CREATE TABLE mention_watch (
	watch_id INTEGER NOT NULL,
	mention_id INTEGER NOT NULL,
	PRIMARY KEY (watch_id, mention_id),
	FOREIGN KEY(watch_id) REFERENCES watch (id),
	FOREIGN KEY(mention_id) REFERENCES mention (id) ON DELETE CASCADE
);
CREATE INDEX mention_watch_by_mention ON mention_watch (mention_id);
CREATE VIRTUAL TABLE mention_words USING fts5vocab(mention_fts, row);
CREATE TABLE mute (
	id INTEGER NOT NULL,
	kind TEXT NOT NULL,
	network TEXT DEFAULT '' NOT NULL,
	value TEXT NOT NULL,
	agent TEXT NOT NULL,
	at BIGINT NOT NULL,
	PRIMARY KEY (id),
	UNIQUE (kind, network, value)
);
CREATE TABLE note (
	id INTEGER NOT NULL,
	case_id INTEGER NOT NULL,
	agent TEXT NOT NULL,
	at BIGINT NOT NULL,
	text TEXT NOT NULL,
	hidden BOOLEAN DEFAULT 0 NOT NULL,
	PRIMARY KEY (id),
	FOREIGN KEY(case_id) REFERENCES cases (id) ON DELETE CASCADE
);
CREATE TABLE poll (
	id INTEGER NOT NULL,
	source TEXT NOT NULL,
	stream TEXT NOT NULL,
	started_at BIGINT NOT NULL,
	asked TEXT NOT NULL,
	returned INTEGER NOT NULL,
	new INTEGER NOT NULL,
	duplicate INTEGER NOT NULL,
	unmatched INTEGER NOT NULL,
	failed INTEGER NOT NULL,
	gap_seconds FLOAT DEFAULT '0' NOT NULL,
	error TEXT DEFAULT '' NOT NULL,
	PRIMARY KEY (id)
);
CREATE INDEX poll_by_source ON poll (source, started_at);
CREATE INDEX poll_by_time ON poll (started_at);
CREATE TABLE presence (
	session TEXT NOT NULL,
	case_id INTEGER NOT NULL,
	agent TEXT NOT NULL,
	writing BOOLEAN NOT NULL,
	since BIGINT NOT NULL,
	seen_at BIGINT NOT NULL,
	PRIMARY KEY (session),
	FOREIGN KEY(case_id) REFERENCES cases (id) ON DELETE CASCADE
);
CREATE TABLE rejected (
	id INTEGER NOT NULL,
	poll_id INTEGER NOT NULL,
	position TEXT NOT NULL,
	reason TEXT NOT NULL,
	raw BLOB NOT NULL,
	PRIMARY KEY (id),
	FOREIGN KEY(poll_id) REFERENCES poll (id) ON DELETE CASCADE
);
CREATE TABLE schema_version (
	version INTEGER NOT NULL,
	PRIMARY KEY (version)
);
CREATE TABLE unmatched (
	id INTEGER NOT NULL,
	network TEXT NOT NULL,
	external_id TEXT NOT NULL,
	source TEXT NOT NULL,
	stream TEXT NOT NULL,
	native_id TEXT NOT NULL,
	parent TEXT NOT NULL,
	thread TEXT NOT NULL,
	url TEXT NOT NULL,
	handle TEXT NOT NULL,
	name TEXT NOT NULL,
	author_url TEXT NOT NULL,
	followers BIGINT,
	type TEXT NOT NULL,
	title TEXT NOT NULL,
	body BLOB NOT NULL,
	language TEXT NOT NULL,
	sentiment TEXT NOT NULL,
	intent TEXT,
	visibility TEXT NOT NULL,
	ours BOOLEAN NOT NULL,
	created_at BIGINT NOT NULL,
	edited_at BIGINT,
	seen_at BIGINT NOT NULL,
	PRIMARY KEY (id),
	UNIQUE (network, external_id)
);
CREATE TABLE vector (
	mention_id INTEGER NOT NULL,
	engine TEXT NOT NULL,
	digest BIGINT NOT NULL,
	body BLOB NOT NULL,
	PRIMARY KEY (mention_id),
	FOREIGN KEY(mention_id) REFERENCES mention (id) ON DELETE CASCADE
);
CREATE TABLE vector_sum (
	engine TEXT NOT NULL,
	language TEXT NOT NULL,
	count BIGINT NOT NULL,
	body BLOB NOT NULL,
	PRIMARY KEY (engine, language)
);
CREATE TABLE watch (
	id INTEGER NOT NULL,
	name TEXT NOT NULL,
	role TEXT NOT NULL,
	PRIMARY KEY (id),
	UNIQUE (name)
);
