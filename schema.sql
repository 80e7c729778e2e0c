-- mirror.db: everything that upstream ever said about a person's contacts, calendars, tasks and mail.
--
-- Read this file first. It has five parts: accounts and feeds; the seven kinds of record; the lists inside records;
-- history; search and views. mirror/store/ is the only code that writes here.
--
-- The rules that hold it together:
--   * A record table holds the newest version of each record that was ever observed. Deleted records stay, as
--     tombstones: deleted_at says since when, deletion how we know ('reported' by upstream, or 'absent' from a complete
--     listing).
--   * Every version has a place in one order of change for the whole file: seq. It never repeats and only grows.
--   * What a version supersedes moves to `versions`. Triggers do that, and refuse a physical DELETE and a change of
--     content without a new seq, so that no code path can forget one. Even a statement typed by hand keeps history.
--   * Columns between `generation` and `raw` are for people: searched, sorted, faceted. They are *written* with the
--     record, not generated from raw by SQLite: what matters most (an event's start from local time and zone name, one
--     readable name out of five name fields) SQL can't compute; scans of written columns need not read and parse raw; and
--     one way for all columns is less to know. mirror/store/columns.py derives them all, and only from raw.
--   * Child rows and search indexes are written by statements, not by triggers: measured twice as fast, with the same
--     derivation at hand (mirror/store/columns.py). The versions are left to triggers all the same: speed may not cost history.
--   * Times are text, ISO-8601, UTC, with milliseconds and Z. JSON is text. Booleans are 0 and 1.

-- ---------------------------------------------------------------------------------------------- accounts and feeds

-- A mailbox. Its credentials are elsewhere, never here.
CREATE TABLE accounts (
    id           INTEGER PRIMARY KEY,
    name         TEXT NOT NULL,            -- the person's own word for it
    source       TEXT NOT NULL,            -- which program in mirror/sources/ speaks to it
    base_url     TEXT NOT NULL,
    remote_id    TEXT,                     -- the mailbox it is pinned to, once it has answered
    email        TEXT,
    service      TEXT,                     -- Google, Office365, IMAP ...
    status       TEXT NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'needs_auth', 'paused')),
    status_detail TEXT,
    since        TEXT,                     -- date: how far back mail and events are asked for; NULL: all mail, one year of events
    attachments_up_to_bytes INTEGER,       -- larger attachments are not kept; 0: none are, NULL: all are
    writable     INTEGER NOT NULL DEFAULT 0,
    interval_factor REAL NOT NULL DEFAULT 1,  -- stretches or shrinks the intervals of every kind
    created_at   TEXT NOT NULL,
    removed_at   TEXT                      -- removed accounts are not pulled any more; their records stay
);
CREATE UNIQUE INDEX accounts_name ON accounts(name) WHERE removed_at IS NULL;   -- the account of a name; those that are removed may share it

-- What is asked for changes: one row for each account and kind, and for each calendar and task list.
CREATE TABLE feeds (
    id           INTEGER PRIMARY KEY,
    account_id   INTEGER NOT NULL REFERENCES accounts(id),
    kind         TEXT NOT NULL,            -- name of the record table
    parent_id    INTEGER,                  -- calendars.id or task_lists.id; NULL for the kinds without a parent
    state        TEXT NOT NULL DEFAULT 'new' CHECK (state IN ('new', 'listing', 'following', 'held', 'stopped')),
    cursor       TEXT,                     -- JSON with upstream's tokens, verbatim; stands after exactly what is stored
    walking      INTEGER NOT NULL DEFAULT 0,  -- 1: the cursor stands in the middle of a walk; upstream has more
    generation   INTEGER NOT NULL DEFAULT 0,  -- counts the full listings
    covers_from  TEXT,                     -- what the listing covers; NULL: without an end on that side
    covers_until TEXT,
    caught_up_at TEXT,                     -- when upstream last had nothing more
    failures     INTEGER NOT NULL DEFAULT 0,  -- in a row
    retry_at     TEXT,                     -- the schedule leaves it alone until then
    error        TEXT,
    changed_at   TEXT,                     -- when a pass last brought a change: lively feeds are asked more often
    total_runs   INTEGER NOT NULL DEFAULT 0,  -- counted for ever, while rows of `runs` are cleared away
    total_failed INTEGER NOT NULL DEFAULT 0,
    total_requests INTEGER NOT NULL DEFAULT 0,
    total_bytes  INTEGER NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX feeds_place ON feeds(account_id, kind, ifnull(parent_id, 0));   -- the feeds of an account, in every pass

-- The ids that the walk under way has been given: how a record that is in both of upstream's feeds is noticed, also after
-- a crash in between. Of a listing under way: what was read by itself meanwhile, and the listing has not shown. Emptied when
-- the walk ends.
CREATE TABLE walk_seen (
    feed_id      INTEGER NOT NULL REFERENCES feeds(id),
    remote_id    TEXT NOT NULL,
    PRIMARY KEY (feed_id, remote_id)
) WITHOUT ROWID;

-- One row for each pass over a feed. Passes that changed nothing are cleared away after a week.
CREATE TABLE runs (
    id           INTEGER PRIMARY KEY,
    account_id   INTEGER NOT NULL REFERENCES accounts(id),
    feed_id      INTEGER REFERENCES feeds(id),   -- NULL: the account's own check, before any feed
    kind         TEXT,
    started_at   TEXT NOT NULL,
    ended_at     TEXT NOT NULL,
    outcome      TEXT NOT NULL,            -- ok, not_ready, not_permitted, held, needs_auth, failed
    pages        INTEGER NOT NULL DEFAULT 0,
    requests     INTEGER NOT NULL DEFAULT 0,
    retries      INTEGER NOT NULL DEFAULT 0,
    bytes        INTEGER NOT NULL DEFAULT 0,
    created      INTEGER NOT NULL DEFAULT 0,
    changed      INTEGER NOT NULL DEFAULT 0,
    deleted      INTEGER NOT NULL DEFAULT 0,
    unchanged    INTEGER NOT NULL DEFAULT 0,
    error        TEXT
);
CREATE INDEX runs_feed_id ON runs(feed_id, started_at);   -- the last runs of a feed: /sync
CREATE INDEX runs_started_at ON runs(started_at);   -- latest-runs, /sync; clearing away what brought nothing

-- A record that could not be stored: its bytes and why. The feed goes on without it; the row goes when the record is in. Of
-- what upstream deleted before it could be stored, these bytes are all there is: they stay, with gone_at.
CREATE TABLE stuck (
    id           INTEGER PRIMARY KEY,
    account_id   INTEGER NOT NULL REFERENCES accounts(id),
    feed_id      INTEGER NOT NULL REFERENCES feeds(id),
    kind         TEXT NOT NULL,
    remote_id    TEXT,                     -- NULL where not even that could be read
    reason       TEXT NOT NULL,
    first_at     TEXT NOT NULL,
    last_at      TEXT NOT NULL,
    tries        INTEGER NOT NULL DEFAULT 1,
    raw          BLOB NOT NULL,
    gone_at      TEXT                      -- since when upstream no longer has it
);
CREATE UNIQUE INDEX stuck_record ON stuck(feed_id, ifnull(remote_id, raw));   -- whether a record is stuck, in every page of a pass

-- Records that upstream delivered without some of their fields (their raw has `omitted`): to be read one by one.
CREATE TABLE incomplete (
    feed_id      INTEGER NOT NULL REFERENCES feeds(id),
    record_id    INTEGER NOT NULL,
    newest_first TEXT,                     -- the record's own time; what is newest is completed first
    omitted      TEXT NOT NULL,            -- JSON array of upstream's field names
    tries        INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (feed_id, record_id)
) WITHOUT ROWID;

-- The outbox: what the person wants, as a patch on what was observed. Push sends it; only a pull changes records.
--   pending    to be sent                      sending    the request is on its way, or the process died meanwhile
--   sent       upstream has said yes           settled    a pull has shown it
--   unsure     the answer never came: looked for before anything is sent again
--   conflict   changed on both sides: a person decides        rejected   upstream will not do it
--   discarded  taken back
CREATE TABLE edits (
    id           INTEGER PRIMARY KEY,
    account_id   INTEGER NOT NULL REFERENCES accounts(id),
    kind         TEXT NOT NULL,            -- name of the record table
    record_id    INTEGER,                  -- NULL: a record that is to be created, which goes by -id until it is there (so here, too)
    parent_id    INTEGER,                  -- of what is to be created: its calendar or task list; negative: one that is to be created too
    verb         TEXT NOT NULL CHECK (verb IN ('create', 'change', 'delete', 'respond', 'send', 'reply')),
    patch        TEXT NOT NULL,            -- JSON: upstream's fields as they should be, whole top-level ones
    base         TEXT,                     -- JSON: the record as it read when the edit was made
    base_etag    TEXT,
    base_seq     INTEGER NOT NULL DEFAULT 0,  -- the last place in the order of change then: versions after it are news to the edit
    options      TEXT NOT NULL DEFAULT '{}',  -- JSON: what goes beside the fields: draft, notify_attendees, body_type
    state        TEXT NOT NULL DEFAULT 'pending' CHECK (state IN
                 ('pending', 'sending', 'sent', 'settled', 'conflict', 'unsure', 'rejected', 'discarded')),
    marker       TEXT NOT NULL,            -- goes with a mail, so that it is found again
    remote_id    TEXT,                     -- of a created record, once upstream has named it
    receipt      TEXT,                     -- JSON: what upstream answered
    theirs       TEXT,                     -- JSON: of a conflict, the record as upstream has it; 'null': it has none
    taken        TEXT,                     -- JSON array: what was merged from upstream into the patch
    plan_id      INTEGER REFERENCES plans(id),
    created_at   TEXT NOT NULL,
    sent_at      TEXT,
    sent_seq     INTEGER,                  -- the last place in the order of change when it was sent
    settled_at   TEXT,
    attempts     INTEGER NOT NULL DEFAULT 0,
    retry_at     TEXT,
    error        TEXT
);
CREATE INDEX edits_state ON edits(state, account_id);   -- what is to be sent, what waits for a person: push, status, outbox
CREATE INDEX edits_record ON edits(kind, coalesce(record_id, -id));   -- the edits of a record
CREATE INDEX edits_plan_id ON edits(plan_id) WHERE plan_id IS NOT NULL;   -- the edits of a plan
CREATE INDEX edits_marker ON edits(marker);   -- a record that is to be created is known to programs by it

-- Many edits at once, worked out on a scratch copy and looked at before anything is done.
CREATE TABLE plans (
    id           INTEGER PRIMARY KEY,
    sql          TEXT NOT NULL,            -- the statement that was typed
    state        TEXT NOT NULL DEFAULT 'planned' CHECK (state IN ('planned', 'applied', 'reverted', 'discarded')),
    items        TEXT NOT NULL,            -- JSON array: kind, record_id, seq, patch and base of each record
    created_at   TEXT NOT NULL,
    applied_at   TEXT
);

-- The records that open edits are about, as they will read when these are done: what the views *_now and the pages show in
-- the place of what was observed. Follows from edits and records, and is written anew whenever one of them changes.
CREATE TABLE overlays (
    kind         TEXT NOT NULL,
    record_id    INTEGER NOT NULL,         -- negative: of a record that is to be created
    account_id   INTEGER NOT NULL REFERENCES accounts(id),
    parent_id    INTEGER,
    seq          INTEGER NOT NULL,         -- of the version that the edits lie over; 0: none yet
    state        TEXT NOT NULL,            -- of the edit that needs most attention
    deleted_at   TEXT,                     -- it is to be deleted
    columns      TEXT NOT NULL,            -- JSON: the readable columns
    children     TEXT NOT NULL,            -- JSON: the rows of each child table
    raw          TEXT NOT NULL,
    body         TEXT,                     -- of a mail that is to be sent, as it is written
    PRIMARY KEY (kind, record_id)
) WITHOUT ROWID;

-- The place in the order of change of what edits last did to how a record reads: laid something else over it, or let it be as it
-- was observed again. Programs that follow the mirror's own API are told of these as they are told of versions.
CREATE TABLE local_changes (
    kind         TEXT NOT NULL,
    record_id    INTEGER NOT NULL,         -- negative: of a record that was to be created, and is gone if it has no overlay
    account_id   INTEGER NOT NULL REFERENCES accounts(id),
    parent_id    INTEGER,
    seq          INTEGER NOT NULL,         -- later than the record's own as long as it has an overlay
    PRIMARY KEY (kind, record_id)
) WITHOUT ROWID;
CREATE INDEX local_changes_seq ON local_changes(account_id, kind, seq);   -- what edits did since a place: sync/updated and sync/deleted of /v1

-- Who may use the mirror's own API (`mirror token`). What opens it is shown once, and only its hash is kept.
CREATE TABLE api_tokens (
    id           INTEGER PRIMARY KEY,      -- a part of the token
    name         TEXT NOT NULL,            -- the person's own word for the program
    account_id   INTEGER NOT NULL REFERENCES accounts(id),
    scopes       TEXT NOT NULL,            -- JSON array of upstream's: Contacts.Read, Mail.Send ...
    sha256       TEXT NOT NULL,
    created_at   TEXT NOT NULL,
    last_used_at TEXT,                     -- to the minute
    revoked_at   TEXT
);
CREATE UNIQUE INDEX api_tokens_name ON api_tokens(name) WHERE revoked_at IS NULL;   -- the token of a name; those that are revoked may share it

-- What programs asked to be told of by the mirror's own API (its /subscriptions), and where. They end with their token.
CREATE TABLE api_subscriptions (
    id           INTEGER PRIMARY KEY,
    token_id     INTEGER NOT NULL REFERENCES api_tokens(id),
    resource     TEXT NOT NULL,            -- /contacts, /email/messages, /calendars/ID/events, /tasklists/ID/tasks
    notification_url TEXT NOT NULL,        -- of this machine
    filters      TEXT NOT NULL DEFAULT '[]',   -- JSON array: withoutDrafts
    detail_level TEXT,                     -- signal: says only that there is something
    seen_seq     INTEGER NOT NULL,         -- changes up to this place were told, or wait to be
    active       INTEGER NOT NULL DEFAULT 1,
    failing      TEXT CHECK (failing IN ('delivery', 'account')),
    fail_since   TEXT,
    fail_description TEXT,
    created_at   TEXT NOT NULL
);
CREATE INDEX api_subscriptions_token ON api_subscriptions(token_id);   -- what a token asked to be told of

-- What programs were not told yet, or did not take. The body holds ids, no records.
CREATE TABLE api_notifications (
    id           INTEGER PRIMARY KEY,
    subscription_id INTEGER NOT NULL REFERENCES api_subscriptions(id),
    body         BLOB NOT NULL,            -- as it was signed
    signed_at    INTEGER NOT NULL,         -- in Unix seconds, as all that is sent again says
    attempts     INTEGER NOT NULL DEFAULT 0,
    due_at       REAL NOT NULL             -- in Unix seconds
);
CREATE INDEX api_notifications_subscription ON api_notifications(subscription_id);   -- what waits to be told

-- What webhooks said. A hint only ever makes a pull happen sooner.
CREATE TABLE hints (
    id           INTEGER PRIMARY KEY,
    account_id   INTEGER NOT NULL REFERENCES accounts(id),
    kind         TEXT NOT NULL,
    parent_id    INTEGER,
    received_at  TEXT NOT NULL,
    pulled_at    TEXT,                     -- a pass that began after it came has ended well
    digest       TEXT                      -- of the notification: upstream sends one again until it is answered
);
CREATE INDEX hints_waiting ON hints(account_id) WHERE pulled_at IS NULL;   -- what was told and not yet pulled: every turn of the schedule
CREATE UNIQUE INDEX hints_digest ON hints(digest, account_id, kind, ifnull(parent_id, 0));   -- whether a notification is one that is told again

-- What upstream was asked to tell at once (mirror run --webhook-url), and to whom.
CREATE TABLE subscriptions (
    id           INTEGER PRIMARY KEY,
    account_id   INTEGER NOT NULL REFERENCES accounts(id),
    kind         TEXT NOT NULL,
    parent_id    INTEGER,
    remote_id    TEXT NOT NULL,
    resource     TEXT NOT NULL,            -- upstream's name of what is watched: /contacts, /calendars/ID/events ...
    notification_url TEXT NOT NULL,
    state        TEXT NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'failing', 'ended')),
    error        TEXT,
    created_at   TEXT NOT NULL,
    checked_at   TEXT NOT NULL,            -- when upstream last said that it stands
    notified_at  TEXT                      -- when it last told something
);
CREATE UNIQUE INDEX subscriptions_remote_id ON subscriptions(account_id, remote_id);   -- the subscription that a notification names

-- How each account does, and since when, so that a person is told of each change once.
CREATE TABLE health (
    account_id   INTEGER PRIMARY KEY REFERENCES accounts(id),
    state        TEXT NOT NULL,            -- the worst there is: new, paused, healthy, stale, stuck, conflict, held, needs_auth
    since        TEXT NOT NULL,            -- when it was first seen to be so
    told         TEXT,                     -- the states that the person was last told of, or healthy; NULL: nothing yet
    told_at      TEXT,                     -- when that was decided: it is told after this is on the disk
    untold       TEXT,                     -- JSON: of the hooks that are still to be told, what each was last told of
    seen         TEXT NOT NULL DEFAULT '{}'  -- JSON: each state of trouble that there is, and when it was first seen
);

-- What the person said about who is who, by address (`mirror people`); it has the last word over the contact cards. The view
-- `people` follows it.
CREATE TABLE people_overrides (
    email        TEXT PRIMARY KEY,         -- lower case
    person_email TEXT CHECK (person_email <> email),  -- the address belongs to whoever has this one
    apart        INTEGER NOT NULL DEFAULT 0,  -- 1: contact cards that it shares with other addresses say nothing about it
    name         TEXT                      -- what the one with this address is called
) WITHOUT ROWID;

-- The last place taken in the order of change, and its moment. One row. The mirror's time never runs backwards: what a
-- transaction writes is dated later than all before it, by a millisecond if the machine's clock says otherwise. So a version
-- is the known one from its observed_at until the observed_at of the next, and what was known at a past moment stays so.
CREATE TABLE change_order (
    id           INTEGER PRIMARY KEY CHECK (id = 1),
    seq          INTEGER NOT NULL,
    observed_at  TEXT NOT NULL DEFAULT ''
);
INSERT INTO change_order (id, seq) VALUES (1, 0);

-- Accounts whose records are being deleted for good, because their owner said so (`account remove --purge`).
CREATE TABLE purges (
    account_id   INTEGER PRIMARY KEY
);

-- -------------------------------------------------------------------------------------------- the seven kinds of record
--
-- All of them begin with the same envelope:
--   id           stable for ever; used in URLs and child tables
--   remote_id    upstream's own id, any text
--   etag         verbatim as upstream sent it; NULL where the kind has none
--   modified_at  upstream's own last-modified time
--   observed_at  when the mirror first saw this version
--   seq          place of this version in the order of change
--   generation   the last full listing that contained it
-- and end with
--   raw          the record exactly as upstream sent it. Fields that upstream left out this time (`omitted`) are filled in
--                from the version before. Last, so that scans of the other columns stay cheap.

-- A person or company in the address book.
CREATE TABLE contacts (
    id           INTEGER PRIMARY KEY,
    account_id   INTEGER NOT NULL REFERENCES accounts(id),
    remote_id    TEXT NOT NULL,
    etag         TEXT,
    modified_at  TEXT,
    observed_at  TEXT NOT NULL,
    seq          INTEGER NOT NULL,
    deleted_at   TEXT,
    deletion     TEXT CHECK (deletion IN ('reported', 'absent')),
    generation   INTEGER NOT NULL,
    name         TEXT,     -- display name, else what can be made of the parts, the company or the first address
    given_name   TEXT,
    family_name  TEXT,
    nickname     TEXT,
    company      TEXT,
    job_title    TEXT,
    emails       TEXT,     -- all addresses, comma-separated; one row each in contact_emails
    phones       TEXT,     -- all numbers, comma-separated; one row each in contact_phones
    birthday     TEXT,     -- as upstream writes it: YYYY-MM-DD, or --MM-DD without a year
    categories   TEXT,     -- JSON array of upstream's keywords (groups, labels)
    has_photo    INTEGER,
    notes        TEXT,
    raw          TEXT NOT NULL,
    UNIQUE (account_id, remote_id)
);
CREATE UNIQUE INDEX contacts_seq ON contacts(seq);   -- changed-today, as-of, /history: newest changes first
CREATE INDEX contacts_deleted_at ON contacts(deleted_at) WHERE deleted_at IS NOT NULL;   -- deleted, tombstones; counts leave them out
CREATE INDEX contacts_name ON contacts(name);   -- duplicate-contacts; the table page in its order
CREATE INDEX contacts_name_nocase ON contacts(name COLLATE NOCASE);   -- the address book, from letter to letter
CREATE INDEX contacts_categories ON contacts(categories) WHERE categories IS NOT NULL;   -- which categories there are

-- A calendar. A complete listing each time: upstream has no feed for it.
CREATE TABLE calendars (
    id           INTEGER PRIMARY KEY,
    account_id   INTEGER NOT NULL REFERENCES accounts(id),
    remote_id    TEXT NOT NULL,
    etag         TEXT,
    modified_at  TEXT,
    observed_at  TEXT NOT NULL,
    seq          INTEGER NOT NULL,
    deleted_at   TEXT,
    deletion     TEXT CHECK (deletion IN ('reported', 'absent')),
    generation   INTEGER NOT NULL,
    name         TEXT,
    description  TEXT,
    color        TEXT,     -- #rrggbb
    access_role  TEXT,     -- owner, writer or reader
    is_primary   INTEGER,
    raw          TEXT NOT NULL,
    UNIQUE (account_id, remote_id)
);
CREATE UNIQUE INDEX calendars_seq ON calendars(seq);   -- as of contacts
CREATE INDEX calendars_deleted_at ON calendars(deleted_at) WHERE deleted_at IS NOT NULL;   -- as of contacts

-- An appointment, a series, or an exception to a series (upstream reports no regular occurrences).
CREATE TABLE events (
    id           INTEGER PRIMARY KEY,
    account_id   INTEGER NOT NULL REFERENCES accounts(id),
    calendar_id  INTEGER NOT NULL REFERENCES calendars(id),
    remote_id    TEXT NOT NULL,
    etag         TEXT,
    modified_at  TEXT,
    observed_at  TEXT NOT NULL,
    seq          INTEGER NOT NULL,
    deleted_at   TEXT,
    deletion     TEXT CHECK (deletion IN ('reported', 'absent')),
    generation   INTEGER NOT NULL,
    subject      TEXT,
    starts_at    TEXT,     -- UTC; an all-day event starts at midnight of its date, whatever the zone
    ends_at      TEXT,
    all_day      INTEGER,
    timezone     TEXT,     -- IANA name, where the organiser's zone is known
    location     TEXT,
    organizer    TEXT,     -- address
    attendees    TEXT,     -- names and addresses, comma-separated; one row each in event_attendees
    attendee_count INTEGER NOT NULL DEFAULT 0,
    response     TEXT,     -- one's own answer: noResponse, declined, tentative or accepted
    canceled     INTEGER,
    show_as      TEXT,     -- free, busy, tentative, outOfOffice, unknown
    sensitivity  TEXT,
    categories   TEXT,     -- JSON array
    recurrence_type TEXT,  -- single, master (a series) or occurrence (an exception to one)
    rrule        TEXT,     -- of a series: its RFC 5545 lines
    series_remote_id TEXT, -- of an occurrence: its series' remote_id ...
    original_start TEXT,   -- ... and the start it would have had
    occurrence_type TEXT,  -- regular, modified or deleted
    meeting_url  TEXT,     -- where the online meeting is
    web_url      TEXT,     -- where the event is to be seen at its provider
    ical_uid     TEXT,
    description  TEXT,
    raw          TEXT NOT NULL,
    UNIQUE (calendar_id, remote_id)
);
CREATE UNIQUE INDEX events_seq ON events(seq);   -- as of contacts
CREATE INDEX events_deleted_at ON events(deleted_at) WHERE deleted_at IS NOT NULL;   -- as of contacts
CREATE INDEX events_starts_at ON events(starts_at);   -- next-days, meetings-per-week; the table page in its order
CREATE INDEX events_ends_at ON events(ends_at, starts_at);   -- what lies in a window: /calendar, agenda
CREATE INDEX events_masters ON events(starts_at) WHERE recurrence_type = 'master';   -- next-days: the series, whose occurrences may lie anywhere
CREATE INDEX events_series ON events(calendar_id, series_remote_id) WHERE series_remote_id IS NOT NULL;   -- the exceptions to a series

-- A mail folder or label. A complete listing each time.
CREATE TABLE folders (
    id           INTEGER PRIMARY KEY,
    account_id   INTEGER NOT NULL REFERENCES accounts(id),
    remote_id    TEXT NOT NULL,
    etag         TEXT,
    modified_at  TEXT,
    observed_at  TEXT NOT NULL,
    seq          INTEGER NOT NULL,
    deleted_at   TEXT,
    deletion     TEXT CHECK (deletion IN ('reported', 'absent')),
    generation   INTEGER NOT NULL,
    name         TEXT,
    full_name    TEXT,     -- with the names of the folders above it
    parent_remote_id TEXT, -- remote_id of the folder above
    label        TEXT,     -- inbox, sent, draft, trash, junk ... when it is one of the well-known ones
    is_folder    INTEGER,
    is_label     INTEGER,
    raw          TEXT NOT NULL,
    UNIQUE (account_id, remote_id)
);
CREATE UNIQUE INDEX folders_seq ON folders(seq);   -- as of contacts
CREATE INDEX folders_deleted_at ON folders(deleted_at) WHERE deleted_at IS NOT NULL;   -- as of contacts

-- A mail, without its body (message_bodies).
CREATE TABLE messages (
    id           INTEGER PRIMARY KEY,
    account_id   INTEGER NOT NULL REFERENCES accounts(id),
    remote_id    TEXT NOT NULL,
    etag         TEXT,
    modified_at  TEXT,
    observed_at  TEXT NOT NULL,
    seq          INTEGER NOT NULL,
    deleted_at   TEXT,
    deletion     TEXT CHECK (deletion IN ('reported', 'absent')),
    generation   INTEGER NOT NULL,
    folder_id    INTEGER REFERENCES folders(id),  -- NULL where the provider has labels only
    thread_id    TEXT,     -- upstream's id of the conversation
    subject      TEXT,
    from_name    TEXT,
    from_email   TEXT,     -- lower case
    recipients   TEXT,     -- to and cc, comma-separated; one row each in message_recipients
    sent_at      TEXT,
    received_at  TEXT,     -- else sent_at, else upstream's created time: never NULL when any of them is known
    unread       INTEGER,
    flagged      INTEGER,
    labels       TEXT,     -- JSON array of upstream's system labels: inbox, sent, draft, trash, junk, important ...
    keywords     TEXT,     -- JSON array of the person's own labels and categories
    has_attachments INTEGER,
    sensitivity  TEXT,
    meeting_method TEXT,   -- of an invitation or an answer to one: request, reply, cancel, counter
    internet_message_id TEXT,
    in_reply_to  TEXT,
    web_url      TEXT,
    snippet      TEXT,
    raw          TEXT NOT NULL,
    UNIQUE (account_id, remote_id)
);
CREATE UNIQUE INDEX messages_seq ON messages(seq);   -- as of contacts
CREATE INDEX messages_deleted_at ON messages(deleted_at) WHERE deleted_at IS NOT NULL;   -- as of contacts
CREATE INDEX messages_received_at ON messages(received_at, account_id, from_email, has_attachments, deleted_at);   -- who-writes-to-me, mail-per-day: what came when
CREATE INDEX messages_thread_id ON messages(account_id, thread_id, received_at);   -- a conversation in order, longest-threads; else SQLite takes messages_account_id for it
CREATE INDEX messages_folder_id ON messages(folder_id, received_at);   -- a folder's mail, newest first: /mail, write-to-most
CREATE INDEX messages_account_id ON messages(account_id, received_at);   -- one account's mail, newest first
CREATE INDEX messages_sent ON messages(received_at, deleted_at, labels) WHERE labels LIKE '%"sent"%';   -- whom I wrote to: people
CREATE INDEX messages_from_email ON messages(from_email, received_at, deleted_at);   -- who-writes-to-me, newsletters, with-person
CREATE INDEX messages_unread ON messages(account_id, folder_id, received_at) WHERE unread = 1 AND deleted_at IS NULL;   -- unread-by-folder, /mail
CREATE INDEX messages_internet_message_id ON messages(internet_message_id);   -- whether a mail that was sent has come back: push
CREATE INDEX messages_read ON messages(unread, received_at);   -- the table page's filter `unread`: it binds its value, so no partial index serves

-- A list of tasks. A complete listing each time.
CREATE TABLE task_lists (
    id           INTEGER PRIMARY KEY,
    account_id   INTEGER NOT NULL REFERENCES accounts(id),
    remote_id    TEXT NOT NULL,
    etag         TEXT,
    modified_at  TEXT,
    observed_at  TEXT NOT NULL,
    seq          INTEGER NOT NULL,
    deleted_at   TEXT,
    deletion     TEXT CHECK (deletion IN ('reported', 'absent')),
    generation   INTEGER NOT NULL,
    title        TEXT,
    is_default   INTEGER,
    is_owner     INTEGER,
    is_shared    INTEGER,
    raw          TEXT NOT NULL,
    UNIQUE (account_id, remote_id)
);
CREATE UNIQUE INDEX task_lists_seq ON task_lists(seq);   -- as of contacts
CREATE INDEX task_lists_deleted_at ON task_lists(deleted_at) WHERE deleted_at IS NOT NULL;   -- as of contacts

-- A task.
CREATE TABLE tasks (
    id           INTEGER PRIMARY KEY,
    account_id   INTEGER NOT NULL REFERENCES accounts(id),
    task_list_id INTEGER NOT NULL REFERENCES task_lists(id),
    remote_id    TEXT NOT NULL,
    etag         TEXT,
    modified_at  TEXT,
    observed_at  TEXT NOT NULL,
    seq          INTEGER NOT NULL,
    deleted_at   TEXT,
    deletion     TEXT CHECK (deletion IN ('reported', 'absent')),
    generation   INTEGER NOT NULL,
    title        TEXT,
    status       TEXT,     -- notStarted, inProgress, completed, waitingOnOthers or deferred
    importance   TEXT,     -- low, normal or high
    due_at       TEXT,
    starts_at    TEXT,
    completed_at TEXT,
    parent_remote_id TEXT, -- of a subtask: remote_id of the task above
    position     TEXT,     -- upstream's sort key within the list
    owner        TEXT,
    categories   TEXT,     -- JSON array
    notes        TEXT,
    raw          TEXT NOT NULL,
    UNIQUE (task_list_id, remote_id)
);
CREATE UNIQUE INDEX tasks_seq ON tasks(seq);   -- as of contacts
CREATE INDEX tasks_deleted_at ON tasks(deleted_at) WHERE deleted_at IS NOT NULL;   -- as of contacts
CREATE INDEX tasks_due_at ON tasks(due_at);   -- overdue-tasks, next-tasks; the table page in its order

-- The bodies of messages. A body that is replaced (a draft that is written on) is kept in message_body_versions.
CREATE TABLE message_bodies (
    message_id   INTEGER PRIMARY KEY REFERENCES messages(id),
    seq          INTEGER NOT NULL,         -- the message's version that brought it
    html         TEXT,                     -- as upstream sent it: HTML, or plain text where the mail has no HTML
    text         TEXT                      -- for searching and reading
);

-- ------------------------------------------------------------------------------------------ the lists inside records
--
-- Rewritten whenever their record changes, from its raw; the lists of superseded versions are in versions.raw.

CREATE TABLE contact_emails (
    id           INTEGER PRIMARY KEY,
    contact_id   INTEGER NOT NULL REFERENCES contacts(id),
    email        TEXT NOT NULL,            -- lower case
    name         TEXT,
    type         TEXT
);
CREATE INDEX contact_emails_contact_id ON contact_emails(contact_id);   -- a contact's addresses, to be shown or written anew
CREATE INDEX contact_emails_email ON contact_emails(email);   -- whose address it is: people, with-person

CREATE TABLE contact_phones (
    id           INTEGER PRIMARY KEY,
    contact_id   INTEGER NOT NULL REFERENCES contacts(id),
    phone        TEXT NOT NULL,
    type         TEXT
);
CREATE INDEX contact_phones_contact_id ON contact_phones(contact_id);   -- a contact's numbers

CREATE TABLE contact_addresses (
    id           INTEGER PRIMARY KEY,
    contact_id   INTEGER NOT NULL REFERENCES contacts(id),
    street       TEXT,
    city         TEXT,
    state        TEXT,
    postal_code  TEXT,
    country      TEXT,
    type         TEXT
);
CREATE INDEX contact_addresses_contact_id ON contact_addresses(contact_id);   -- a contact's postal addresses

CREATE TABLE event_attendees (
    id           INTEGER PRIMARY KEY,
    event_id     INTEGER NOT NULL REFERENCES events(id),
    email        TEXT,                     -- lower case
    name         TEXT,
    type         TEXT,                     -- required, optional or resource
    response     TEXT                      -- accepted, tentative, declined, or NULL
);
CREATE INDEX event_attendees_event_id ON event_attendees(event_id);   -- an event's attendees, to be shown or written anew; who-i-meet-most
CREATE INDEX event_attendees_email ON event_attendees(email);   -- meetings with somebody: people, with-person

CREATE TABLE message_recipients (
    id           INTEGER PRIMARY KEY,
    message_id   INTEGER NOT NULL REFERENCES messages(id),
    role         TEXT NOT NULL,            -- to, cc, bcc or reply_to
    email        TEXT,                     -- lower case
    name         TEXT
);
CREATE INDEX message_recipients_message_id ON message_recipients(message_id, role, email);   -- a mail's recipients; write-to-most
CREATE INDEX message_recipients_email ON message_recipients(email);   -- mail to somebody: people, with-person

-- Attachments of mails and events. Rows are never removed: what is no longer attached has removed_at, and keeps its bytes.
CREATE TABLE attachments (
    id           INTEGER PRIMARY KEY,
    message_id   INTEGER REFERENCES messages(id),
    event_id     INTEGER REFERENCES events(id),
    remote_id    TEXT NOT NULL,
    name         TEXT,
    mime_type    TEXT,
    size_bytes   INTEGER,
    inline       INTEGER,
    content_id   TEXT,
    kept         TEXT NOT NULL CHECK (kept IN ('wanted', 'yes', 'policy', 'failed')),  -- are the bytes in blobs.db?
    tries        INTEGER NOT NULL DEFAULT 0,
    sha256       TEXT,                     -- blobs.sha256 in blobs.db
    removed_at   TEXT
);
CREATE UNIQUE INDEX attachments_message_id ON attachments(message_id, remote_id) WHERE message_id IS NOT NULL;   -- a mail's attachments
CREATE UNIQUE INDEX attachments_event_id ON attachments(event_id, remote_id) WHERE event_id IS NOT NULL;   -- an event's attachments
CREATE INDEX attachments_wanted ON attachments(id) WHERE kept = 'wanted';   -- what is to be fetched, in every pass

-- ---------------------------------------------------------------------------------------------------------- history

-- Every version that was superseded or deleted. The newest version of a record is in its own table only.
CREATE TABLE versions (
    id           INTEGER PRIMARY KEY,
    account_id   INTEGER NOT NULL REFERENCES accounts(id),
    kind         TEXT NOT NULL,            -- name of the record table
    record_id    INTEGER NOT NULL,         -- id in that table
    parent_id    INTEGER,
    etag         TEXT,
    modified_at  TEXT,
    observed_at  TEXT NOT NULL,            -- this version was the current one from here ...
    superseded_at TEXT NOT NULL,           -- ... until here
    seq          INTEGER NOT NULL UNIQUE,
    superseded_seq INTEGER NOT NULL,
    deleted_at   TEXT,                     -- a version may be a tombstone: the record came back after it
    deletion     TEXT,
    raw          TEXT NOT NULL
);
CREATE INDEX versions_record_id ON versions(kind, record_id, seq);   -- the history of a record; changed-most
CREATE INDEX versions_superseded_at ON versions(kind, superseded_at);   -- as-of, accounts-then: what has been superseded since

CREATE TABLE message_body_versions (
    message_id   INTEGER NOT NULL REFERENCES messages(id),
    seq          INTEGER NOT NULL,
    superseded_seq INTEGER NOT NULL,
    html         TEXT,
    PRIMARY KEY (message_id, seq)
);

CREATE TRIGGER versions_are_never_changed BEFORE UPDATE ON versions
BEGIN SELECT RAISE(ABORT, 'versions: history is not rewritten'); END;
CREATE TRIGGER versions_are_never_deleted BEFORE DELETE ON versions
WHEN NOT EXISTS (SELECT 1 FROM purges WHERE account_id = OLD.account_id)
BEGIN SELECT RAISE(ABORT, 'versions: history is not rewritten'); END;

CREATE TRIGGER message_bodies_keep_the_old_version BEFORE UPDATE OF html ON message_bodies
WHEN NEW.html IS NOT OLD.html
BEGIN
    SELECT RAISE(ABORT, 'message_bodies: a new version needs a new seq') WHERE NEW.seq <= OLD.seq;
    INSERT INTO message_body_versions (message_id, seq, superseded_seq, html) VALUES (OLD.message_id, OLD.seq, NEW.seq, OLD.html);
END;
CREATE TRIGGER message_bodies_are_never_deleted BEFORE DELETE ON message_bodies
WHEN NOT EXISTS (SELECT 1 FROM purges JOIN messages USING (account_id) WHERE messages.id = OLD.message_id)
BEGIN SELECT RAISE(ABORT, 'message_bodies: records are never deleted'); END;
CREATE TRIGGER message_body_versions_are_never_changed BEFORE UPDATE ON message_body_versions
BEGIN SELECT RAISE(ABORT, 'message_body_versions: history is not rewritten'); END;
CREATE TRIGGER message_body_versions_are_never_deleted BEFORE DELETE ON message_body_versions
WHEN NOT EXISTS (SELECT 1 FROM purges JOIN messages USING (account_id) WHERE messages.id = OLD.message_id)
BEGIN SELECT RAISE(ABORT, 'message_body_versions: history is not rewritten'); END;

-- For each kind the same four. The one exception to "superseded versions are kept": a record that came with fields
-- `omitted` and is now known whole is the same version, better known, when nothing that was known has changed. It keeps its
-- observed_at: what was known at a moment since then is told from the better version. (Attendees lie within meetingInfo.)

CREATE TRIGGER contacts_need_a_new_seq BEFORE UPDATE OF etag, raw, deleted_at, deletion, observed_at, seq ON contacts
WHEN NEW.seq <= OLD.seq AND (NEW.seq < OLD.seq OR NEW.raw <> OLD.raw OR NEW.etag IS NOT OLD.etag OR NEW.observed_at <> OLD.observed_at
    OR NEW.deleted_at IS NOT OLD.deleted_at OR NEW.deletion IS NOT OLD.deletion)
BEGIN SELECT RAISE(ABORT, 'contacts: a new version needs a new seq'); END;
CREATE TRIGGER contacts_keep_the_old_version BEFORE UPDATE OF seq ON contacts
WHEN NEW.seq > OLD.seq AND NOT (
    json_type(OLD.raw, '$.omitted') IS 'array' AND NEW.observed_at = OLD.observed_at AND NEW.etag IS OLD.etag
    AND NEW.deleted_at IS OLD.deleted_at AND NOT EXISTS (
        SELECT key, type, value FROM json_each(OLD.raw) WHERE key <> 'omitted'
        EXCEPT SELECT key, type, value FROM json_each(NEW.raw)))
BEGIN
    INSERT INTO versions (account_id, kind, record_id, parent_id, etag, modified_at, observed_at, superseded_at, seq, superseded_seq, deleted_at, deletion, raw)
    VALUES (OLD.account_id, 'contacts', OLD.id, NULL, OLD.etag, OLD.modified_at, OLD.observed_at, NEW.observed_at, OLD.seq, NEW.seq, OLD.deleted_at, OLD.deletion, OLD.raw);
END;
CREATE TRIGGER contacts_stay_who_they_are BEFORE UPDATE OF id, account_id, remote_id ON contacts
WHEN NEW.id <> OLD.id OR NEW.account_id <> OLD.account_id OR NEW.remote_id <> OLD.remote_id
BEGIN SELECT RAISE(ABORT, 'contacts: a record keeps its id, account, parent and remote_id for ever'); END;
CREATE TRIGGER contacts_are_never_deleted BEFORE DELETE ON contacts
WHEN NOT EXISTS (SELECT 1 FROM purges WHERE account_id = OLD.account_id)
BEGIN SELECT RAISE(ABORT, 'contacts: records are never deleted; set deleted_at'); END;

CREATE TRIGGER calendars_need_a_new_seq BEFORE UPDATE OF etag, raw, deleted_at, deletion, observed_at, seq ON calendars
WHEN NEW.seq <= OLD.seq AND (NEW.seq < OLD.seq OR NEW.raw <> OLD.raw OR NEW.etag IS NOT OLD.etag OR NEW.observed_at <> OLD.observed_at
    OR NEW.deleted_at IS NOT OLD.deleted_at OR NEW.deletion IS NOT OLD.deletion)
BEGIN SELECT RAISE(ABORT, 'calendars: a new version needs a new seq'); END;
CREATE TRIGGER calendars_keep_the_old_version BEFORE UPDATE OF seq ON calendars
WHEN NEW.seq > OLD.seq AND NOT (
    json_type(OLD.raw, '$.omitted') IS 'array' AND NEW.observed_at = OLD.observed_at AND NEW.etag IS OLD.etag
    AND NEW.deleted_at IS OLD.deleted_at AND NOT EXISTS (
        SELECT key, type, value FROM json_each(OLD.raw) WHERE key <> 'omitted'
        EXCEPT SELECT key, type, value FROM json_each(NEW.raw)))
BEGIN
    INSERT INTO versions (account_id, kind, record_id, parent_id, etag, modified_at, observed_at, superseded_at, seq, superseded_seq, deleted_at, deletion, raw)
    VALUES (OLD.account_id, 'calendars', OLD.id, NULL, OLD.etag, OLD.modified_at, OLD.observed_at, NEW.observed_at, OLD.seq, NEW.seq, OLD.deleted_at, OLD.deletion, OLD.raw);
END;
CREATE TRIGGER calendars_stay_who_they_are BEFORE UPDATE OF id, account_id, remote_id ON calendars
WHEN NEW.id <> OLD.id OR NEW.account_id <> OLD.account_id OR NEW.remote_id <> OLD.remote_id
BEGIN SELECT RAISE(ABORT, 'calendars: a record keeps its id, account, parent and remote_id for ever'); END;
CREATE TRIGGER calendars_are_never_deleted BEFORE DELETE ON calendars
WHEN NOT EXISTS (SELECT 1 FROM purges WHERE account_id = OLD.account_id)
BEGIN SELECT RAISE(ABORT, 'calendars: records are never deleted; set deleted_at'); END;

CREATE TRIGGER events_need_a_new_seq BEFORE UPDATE OF etag, raw, deleted_at, deletion, observed_at, seq ON events
WHEN NEW.seq <= OLD.seq AND (NEW.seq < OLD.seq OR NEW.raw <> OLD.raw OR NEW.etag IS NOT OLD.etag OR NEW.observed_at <> OLD.observed_at
    OR NEW.deleted_at IS NOT OLD.deleted_at OR NEW.deletion IS NOT OLD.deletion)
BEGIN SELECT RAISE(ABORT, 'events: a new version needs a new seq'); END;
CREATE TRIGGER events_keep_the_old_version BEFORE UPDATE OF seq ON events
WHEN NEW.seq > OLD.seq AND NOT (
    json_type(OLD.raw, '$.omitted') IS 'array' AND NEW.observed_at = OLD.observed_at AND NEW.etag IS OLD.etag
    AND NEW.deleted_at IS OLD.deleted_at AND NOT EXISTS (
        SELECT key, type, value FROM json_each(OLD.raw) WHERE key <> 'omitted'
            AND NOT (key = 'meetingInfo' AND 'attendees' IN (SELECT value FROM json_each(OLD.raw, '$.omitted')))
        EXCEPT SELECT key, type, value FROM json_each(NEW.raw)))
BEGIN
    INSERT INTO versions (account_id, kind, record_id, parent_id, etag, modified_at, observed_at, superseded_at, seq, superseded_seq, deleted_at, deletion, raw)
    VALUES (OLD.account_id, 'events', OLD.id, OLD.calendar_id, OLD.etag, OLD.modified_at, OLD.observed_at, NEW.observed_at, OLD.seq, NEW.seq, OLD.deleted_at, OLD.deletion, OLD.raw);
END;
CREATE TRIGGER events_stay_who_they_are BEFORE UPDATE OF id, account_id, calendar_id, remote_id ON events
WHEN NEW.id <> OLD.id OR NEW.account_id <> OLD.account_id OR NEW.remote_id <> OLD.remote_id OR NEW.calendar_id <> OLD.calendar_id
BEGIN SELECT RAISE(ABORT, 'events: a record keeps its id, account, parent and remote_id for ever'); END;
CREATE TRIGGER events_are_never_deleted BEFORE DELETE ON events
WHEN NOT EXISTS (SELECT 1 FROM purges WHERE account_id = OLD.account_id)
BEGIN SELECT RAISE(ABORT, 'events: records are never deleted; set deleted_at'); END;

CREATE TRIGGER folders_need_a_new_seq BEFORE UPDATE OF etag, raw, deleted_at, deletion, observed_at, seq ON folders
WHEN NEW.seq <= OLD.seq AND (NEW.seq < OLD.seq OR NEW.raw <> OLD.raw OR NEW.etag IS NOT OLD.etag OR NEW.observed_at <> OLD.observed_at
    OR NEW.deleted_at IS NOT OLD.deleted_at OR NEW.deletion IS NOT OLD.deletion)
BEGIN SELECT RAISE(ABORT, 'folders: a new version needs a new seq'); END;
CREATE TRIGGER folders_keep_the_old_version BEFORE UPDATE OF seq ON folders
WHEN NEW.seq > OLD.seq AND NOT (
    json_type(OLD.raw, '$.omitted') IS 'array' AND NEW.observed_at = OLD.observed_at AND NEW.etag IS OLD.etag
    AND NEW.deleted_at IS OLD.deleted_at AND NOT EXISTS (
        SELECT key, type, value FROM json_each(OLD.raw) WHERE key <> 'omitted'
        EXCEPT SELECT key, type, value FROM json_each(NEW.raw)))
BEGIN
    INSERT INTO versions (account_id, kind, record_id, parent_id, etag, modified_at, observed_at, superseded_at, seq, superseded_seq, deleted_at, deletion, raw)
    VALUES (OLD.account_id, 'folders', OLD.id, NULL, OLD.etag, OLD.modified_at, OLD.observed_at, NEW.observed_at, OLD.seq, NEW.seq, OLD.deleted_at, OLD.deletion, OLD.raw);
END;
CREATE TRIGGER folders_stay_who_they_are BEFORE UPDATE OF id, account_id, remote_id ON folders
WHEN NEW.id <> OLD.id OR NEW.account_id <> OLD.account_id OR NEW.remote_id <> OLD.remote_id
BEGIN SELECT RAISE(ABORT, 'folders: a record keeps its id, account, parent and remote_id for ever'); END;
CREATE TRIGGER folders_are_never_deleted BEFORE DELETE ON folders
WHEN NOT EXISTS (SELECT 1 FROM purges WHERE account_id = OLD.account_id)
BEGIN SELECT RAISE(ABORT, 'folders: records are never deleted; set deleted_at'); END;

CREATE TRIGGER messages_need_a_new_seq BEFORE UPDATE OF etag, raw, deleted_at, deletion, observed_at, seq ON messages
WHEN NEW.seq <= OLD.seq AND (NEW.seq < OLD.seq OR NEW.raw <> OLD.raw OR NEW.etag IS NOT OLD.etag OR NEW.observed_at <> OLD.observed_at
    OR NEW.deleted_at IS NOT OLD.deleted_at OR NEW.deletion IS NOT OLD.deletion)
BEGIN SELECT RAISE(ABORT, 'messages: a new version needs a new seq'); END;
CREATE TRIGGER messages_keep_the_old_version BEFORE UPDATE OF seq ON messages
WHEN NEW.seq > OLD.seq AND NOT (
    json_type(OLD.raw, '$.omitted') IS 'array' AND NEW.observed_at = OLD.observed_at AND NEW.etag IS OLD.etag
    AND NEW.deleted_at IS OLD.deleted_at AND NOT EXISTS (
        SELECT key, type, value FROM json_each(OLD.raw) WHERE key <> 'omitted'
        EXCEPT SELECT key, type, value FROM json_each(NEW.raw)))
BEGIN
    INSERT INTO versions (account_id, kind, record_id, parent_id, etag, modified_at, observed_at, superseded_at, seq, superseded_seq, deleted_at, deletion, raw)
    VALUES (OLD.account_id, 'messages', OLD.id, NULL, OLD.etag, OLD.modified_at, OLD.observed_at, NEW.observed_at, OLD.seq, NEW.seq, OLD.deleted_at, OLD.deletion, OLD.raw);
END;
CREATE TRIGGER messages_stay_who_they_are BEFORE UPDATE OF id, account_id, remote_id ON messages
WHEN NEW.id <> OLD.id OR NEW.account_id <> OLD.account_id OR NEW.remote_id <> OLD.remote_id
BEGIN SELECT RAISE(ABORT, 'messages: a record keeps its id, account, parent and remote_id for ever'); END;
CREATE TRIGGER messages_are_never_deleted BEFORE DELETE ON messages
WHEN NOT EXISTS (SELECT 1 FROM purges WHERE account_id = OLD.account_id)
BEGIN SELECT RAISE(ABORT, 'messages: records are never deleted; set deleted_at'); END;

CREATE TRIGGER task_lists_need_a_new_seq BEFORE UPDATE OF etag, raw, deleted_at, deletion, observed_at, seq ON task_lists
WHEN NEW.seq <= OLD.seq AND (NEW.seq < OLD.seq OR NEW.raw <> OLD.raw OR NEW.etag IS NOT OLD.etag OR NEW.observed_at <> OLD.observed_at
    OR NEW.deleted_at IS NOT OLD.deleted_at OR NEW.deletion IS NOT OLD.deletion)
BEGIN SELECT RAISE(ABORT, 'task_lists: a new version needs a new seq'); END;
CREATE TRIGGER task_lists_keep_the_old_version BEFORE UPDATE OF seq ON task_lists
WHEN NEW.seq > OLD.seq AND NOT (
    json_type(OLD.raw, '$.omitted') IS 'array' AND NEW.observed_at = OLD.observed_at AND NEW.etag IS OLD.etag
    AND NEW.deleted_at IS OLD.deleted_at AND NOT EXISTS (
        SELECT key, type, value FROM json_each(OLD.raw) WHERE key <> 'omitted'
        EXCEPT SELECT key, type, value FROM json_each(NEW.raw)))
BEGIN
    INSERT INTO versions (account_id, kind, record_id, parent_id, etag, modified_at, observed_at, superseded_at, seq, superseded_seq, deleted_at, deletion, raw)
    VALUES (OLD.account_id, 'task_lists', OLD.id, NULL, OLD.etag, OLD.modified_at, OLD.observed_at, NEW.observed_at, OLD.seq, NEW.seq, OLD.deleted_at, OLD.deletion, OLD.raw);
END;
CREATE TRIGGER task_lists_stay_who_they_are BEFORE UPDATE OF id, account_id, remote_id ON task_lists
WHEN NEW.id <> OLD.id OR NEW.account_id <> OLD.account_id OR NEW.remote_id <> OLD.remote_id
BEGIN SELECT RAISE(ABORT, 'task_lists: a record keeps its id, account, parent and remote_id for ever'); END;
CREATE TRIGGER task_lists_are_never_deleted BEFORE DELETE ON task_lists
WHEN NOT EXISTS (SELECT 1 FROM purges WHERE account_id = OLD.account_id)
BEGIN SELECT RAISE(ABORT, 'task_lists: records are never deleted; set deleted_at'); END;

CREATE TRIGGER tasks_need_a_new_seq BEFORE UPDATE OF etag, raw, deleted_at, deletion, observed_at, seq ON tasks
WHEN NEW.seq <= OLD.seq AND (NEW.seq < OLD.seq OR NEW.raw <> OLD.raw OR NEW.etag IS NOT OLD.etag OR NEW.observed_at <> OLD.observed_at
    OR NEW.deleted_at IS NOT OLD.deleted_at OR NEW.deletion IS NOT OLD.deletion)
BEGIN SELECT RAISE(ABORT, 'tasks: a new version needs a new seq'); END;
CREATE TRIGGER tasks_keep_the_old_version BEFORE UPDATE OF seq ON tasks
WHEN NEW.seq > OLD.seq AND NOT (
    json_type(OLD.raw, '$.omitted') IS 'array' AND NEW.observed_at = OLD.observed_at AND NEW.etag IS OLD.etag
    AND NEW.deleted_at IS OLD.deleted_at AND NOT EXISTS (
        SELECT key, type, value FROM json_each(OLD.raw) WHERE key <> 'omitted'
        EXCEPT SELECT key, type, value FROM json_each(NEW.raw)))
BEGIN
    INSERT INTO versions (account_id, kind, record_id, parent_id, etag, modified_at, observed_at, superseded_at, seq, superseded_seq, deleted_at, deletion, raw)
    VALUES (OLD.account_id, 'tasks', OLD.id, OLD.task_list_id, OLD.etag, OLD.modified_at, OLD.observed_at, NEW.observed_at, OLD.seq, NEW.seq, OLD.deleted_at, OLD.deletion, OLD.raw);
END;
CREATE TRIGGER tasks_stay_who_they_are BEFORE UPDATE OF id, account_id, task_list_id, remote_id ON tasks
WHEN NEW.id <> OLD.id OR NEW.account_id <> OLD.account_id OR NEW.remote_id <> OLD.remote_id OR NEW.task_list_id <> OLD.task_list_id
BEGIN SELECT RAISE(ABORT, 'tasks: a record keeps its id, account, parent and remote_id for ever'); END;
CREATE TRIGGER tasks_are_never_deleted BEFORE DELETE ON tasks
WHEN NOT EXISTS (SELECT 1 FROM purges WHERE account_id = OLD.account_id)
BEGIN SELECT RAISE(ABORT, 'tasks: records are never deleted; set deleted_at'); END;


-- ----------------------------------------------------------------------------------------------------- search and views
--
-- The search indexes hold no text of their own: they point into the tables (messages: into the view that adds the body).
-- Deleted records stay searchable.

CREATE VIRTUAL TABLE contacts_fts USING fts5 (name, nickname, company, job_title, emails, phones, notes,
    content = 'contacts', content_rowid = 'id', tokenize = 'unicode61 remove_diacritics 2');

CREATE VIRTUAL TABLE events_fts USING fts5 (subject, location, organizer, attendees, description,
    content = 'events', content_rowid = 'id', tokenize = 'unicode61 remove_diacritics 2');

CREATE VIEW messages_search AS
SELECT messages.id, subject, from_name, from_email, recipients, message_bodies.text AS body
FROM messages LEFT JOIN message_bodies ON message_bodies.message_id = messages.id;

CREATE VIRTUAL TABLE messages_fts USING fts5 (subject, from_name, from_email, recipients, body,
    content = 'messages_search', content_rowid = 'id', tokenize = 'unicode61 remove_diacritics 2');

CREATE VIRTUAL TABLE tasks_fts USING fts5 (title, notes,
    content = 'tasks', content_rowid = 'id', tokenize = 'unicode61 remove_diacritics 2');

-- Every record of every kind, with the one thing that names it.
CREATE VIEW records AS
          SELECT 'contacts' AS kind, id, account_id, name AS title, seq, observed_at, deleted_at, deletion FROM contacts
UNION ALL SELECT 'calendars', id, account_id, name, seq, observed_at, deleted_at, deletion FROM calendars
UNION ALL SELECT 'events', id, account_id, subject, seq, observed_at, deleted_at, deletion FROM events
UNION ALL SELECT 'folders', id, account_id, name, seq, observed_at, deleted_at, deletion FROM folders
UNION ALL SELECT 'messages', id, account_id, subject, seq, observed_at, deleted_at, deletion FROM messages
UNION ALL SELECT 'task_lists', id, account_id, title, seq, observed_at, deleted_at, deletion FROM task_lists
UNION ALL SELECT 'tasks', id, account_id, title, seq, observed_at, deleted_at, deletion FROM tasks;

-- What is deleted now, since when, and how we know.
CREATE VIEW tombstones AS
SELECT kind, records.id AS record_id, accounts.name AS account, title, deleted_at, deletion, seq
FROM records JOIN accounts ON accounts.id = records.account_id
WHERE deleted_at IS NOT NULL;

-- The order of change: each version once, the newest ones from their tables and the older ones from versions.
CREATE VIEW changes AS
SELECT seq, observed_at, kind, id AS record_id, account_id, title,
    CASE
        WHEN deleted_at IS NOT NULL THEN 'deleted'
        ELSE coalesce((SELECT CASE WHEN versions.deleted_at IS NULL THEN 'changed' ELSE 'restored' END FROM versions
            WHERE versions.kind = records.kind AND versions.record_id = records.id ORDER BY versions.seq DESC LIMIT 1), 'created')
    END AS change
FROM records
UNION ALL
SELECT seq, observed_at, kind, record_id, account_id,
    coalesce(json_extract(raw, '$.subject'), json_extract(raw, '$.title'), json_extract(raw, '$.name.displayName'),
        json_extract(raw, '$.name')),
    CASE
        WHEN deleted_at IS NOT NULL THEN 'deleted'
        ELSE coalesce((SELECT CASE WHEN earlier.deleted_at IS NULL THEN 'changed' ELSE 'restored' END FROM versions AS earlier
            WHERE earlier.kind = versions.kind AND earlier.record_id = versions.record_id AND earlier.seq < versions.seq
            ORDER BY earlier.seq DESC LIMIT 1), 'created')
    END
FROM versions;

-- Every version of every record, the newest ones included: each was what the mirror knew from observed_at until
-- superseded_at (NULL: it still is). A whole kind as it was known at a moment:
--     SELECT * FROM all_versions WHERE kind = 'contacts' AND deleted_at IS NULL
--         AND observed_at <= :at AND (superseded_at IS NULL OR superseded_at > :at)
CREATE VIEW all_versions AS
          SELECT kind, record_id, account_id, parent_id, observed_at, superseded_at, seq, superseded_seq, modified_at, deleted_at,
    deletion, raw FROM versions
UNION ALL SELECT 'contacts', id, account_id, NULL, observed_at, NULL, seq, NULL, modified_at, deleted_at, deletion, raw FROM contacts
UNION ALL SELECT 'calendars', id, account_id, NULL, observed_at, NULL, seq, NULL, modified_at, deleted_at, deletion, raw FROM calendars
UNION ALL SELECT 'events', id, account_id, calendar_id, observed_at, NULL, seq, NULL, modified_at, deleted_at, deletion, raw FROM events
UNION ALL SELECT 'folders', id, account_id, NULL, observed_at, NULL, seq, NULL, modified_at, deleted_at, deletion, raw FROM folders
UNION ALL SELECT 'messages', id, account_id, NULL, observed_at, NULL, seq, NULL, modified_at, deleted_at, deletion, raw FROM messages
UNION ALL SELECT 'task_lists', id, account_id, NULL, observed_at, NULL, seq, NULL, modified_at, deleted_at, deletion, raw FROM task_lists
UNION ALL SELECT 'tasks', id, account_id, task_list_id, observed_at, NULL, seq, NULL, modified_at, deleted_at, deletion, raw FROM tasks;

-- What is coming up. Series appear with their exceptions only: the occurrences are worked out by the pages.
CREATE VIEW agenda AS
SELECT events.id AS event_id, starts_at, ends_at, all_day, subject, location, organizer, attendees, response, calendars.name AS calendar,
    accounts.name AS account
FROM events JOIN calendars ON calendars.id = events.calendar_id JOIN accounts ON accounts.id = events.account_id
WHERE events.deleted_at IS NULL AND calendars.deleted_at IS NULL AND coalesce(canceled, 0) = 0
    AND coalesce(recurrence_type, 'single') <> 'master' AND coalesce(occurrence_type, '') <> 'deleted'
    AND ends_at >= strftime('%Y-%m-%dT%H:%M:%fZ', 'now');

-- Who is who: everybody one has written to, heard from or met, with all their addresses. Addresses on one live contact card are
-- one person's, also from card to card, whatever the account; people_overrides has the last word. Oneself (whoever has the
-- address of an account) is left out. A mail or meeting counts once for each address.
CREATE VIEW people AS
WITH RECURSIVE
links(email, other) AS MATERIALIZED (
    SELECT one.email, other.email
    FROM contact_emails AS one JOIN contact_emails AS other ON other.contact_id = one.contact_id AND other.email <> one.email
    JOIN contacts ON contacts.id = one.contact_id
    WHERE contacts.deleted_at IS NULL
        AND NOT EXISTS (SELECT 1 FROM people_overrides WHERE apart = 1 AND people_overrides.email IN (one.email, other.email))
    UNION SELECT email, person_email FROM people_overrides WHERE person_email IS NOT NULL
    UNION SELECT person_email, email FROM people_overrides WHERE person_email IS NOT NULL
),
reached(email, other) AS (
    SELECT email, email FROM links
    UNION SELECT reached.email, links.other FROM reached JOIN links ON links.email = reached.other
),
same(email, person) AS MATERIALIZED (SELECT email, min(other) FROM reached GROUP BY email),
sent_mails(id, received_at) AS MATERIALIZED (
    SELECT id, received_at FROM messages WHERE labels LIKE '%"sent"%' AND deleted_at IS NULL
),
met(email, received, sent, meetings, first_at, last_at) AS (
    SELECT from_email, count(*), 0, 0, min(received_at), max(received_at)
    FROM messages WHERE from_email IS NOT NULL AND deleted_at IS NULL GROUP BY from_email
    UNION ALL
    SELECT email, 0, count(DISTINCT message_id), 0, min(received_at), max(received_at)
    FROM sent_mails CROSS JOIN message_recipients ON message_id = sent_mails.id
    WHERE email IS NOT NULL AND role <> 'reply_to' GROUP BY email
    UNION ALL
    SELECT email, 0, 0, count(DISTINCT event_id), NULL, NULL
    FROM event_attendees JOIN events ON events.id = event_id
    WHERE deleted_at IS NULL AND coalesce(canceled, 0) = 0 AND email IS NOT NULL GROUP BY email
),
addresses(email, person, received, sent, meetings, first_at, last_at) AS MATERIALIZED (
    SELECT met.email, coalesce(same.person, met.email), sum(received), sum(sent), sum(meetings), min(first_at), max(last_at)
    FROM met LEFT JOIN same ON same.email = met.email GROUP BY met.email
),
persons(person, email, received, sent, meetings, last_at) AS MATERIALIZED (  -- email: the one with the last mail, as max() has it
    SELECT person, email, sum(received), sum(sent), sum(meetings), max(coalesce(last_at, '')) FROM addresses GROUP BY person
),
everything(person, email, first_at) AS MATERIALIZED (
    SELECT person, email, first_at FROM addresses
    UNION ALL SELECT person, email, NULL FROM same
        WHERE person IN (SELECT person FROM persons) AND email NOT IN (SELECT email FROM addresses)
),
cards(person, contact_id, name) AS MATERIALIZED (
    SELECT DISTINCT person, contacts.id, contacts.name
    FROM everything JOIN contact_emails ON contact_emails.email = everything.email JOIN contacts ON contacts.id = contact_id
    WHERE contacts.deleted_at IS NULL
),
lists(person, emails, first_at) AS MATERIALIZED (
    SELECT person, group_concat(email, ', '), min(first_at)
    FROM (SELECT person, email, first_at FROM everything ORDER BY person, email) GROUP BY person
),
card_lists(person, contact_id, contact_ids) AS MATERIALIZED (
    SELECT person, min(contact_id), group_concat(contact_id, ', ')
    FROM (SELECT person, contact_id FROM cards ORDER BY person, contact_id) GROUP BY person
),
card_names(person, name, contact_id) AS MATERIALIZED (  -- of the first card, as min() has it; so below
    SELECT person, name, min(contact_id) FROM cards WHERE name IS NOT NULL GROUP BY person
),
said(person, name, email) AS MATERIALIZED (
    SELECT person, name, min(people_overrides.email)
    FROM people_overrides JOIN everything ON everything.email = people_overrides.email WHERE name IS NOT NULL GROUP BY person
)
SELECT persons.email,
    coalesce(said.name, card_names.name,
        (SELECT from_name FROM messages WHERE from_email = persons.email AND from_name IS NOT NULL ORDER BY received_at DESC LIMIT 1),
        (SELECT name FROM message_recipients WHERE message_recipients.email = persons.email AND name IS NOT NULL LIMIT 1),
        (SELECT name FROM event_attendees WHERE event_attendees.email = persons.email AND name IS NOT NULL LIMIT 1)
    ) AS name,
    emails, received AS mails_received, sent AS mails_sent, meetings, lists.first_at, nullif(persons.last_at, '') AS last_at,
    card_lists.contact_id, contact_ids
FROM persons JOIN lists ON lists.person = persons.person
LEFT JOIN said ON said.person = persons.person
LEFT JOIN card_names ON card_names.person = persons.person
LEFT JOIN card_lists ON card_lists.person = persons.person
WHERE persons.person NOT IN (SELECT person FROM everything JOIN accounts ON lower(accounts.email) = everything.email);

-- How each feed is doing.
CREATE VIEW feed_status AS
SELECT feeds.id AS feed_id, accounts.name AS account, feeds.kind, coalesce(calendars.name, task_lists.title) AS parent, feeds.state,
    feeds.caught_up_at, feeds.failures, feeds.retry_at, feeds.error, feeds.covers_from, feeds.covers_until,
    (SELECT count(*) FROM stuck WHERE stuck.feed_id = feeds.id AND gone_at IS NULL) AS stuck,
    (SELECT count(*) FROM incomplete WHERE incomplete.feed_id = feeds.id) AS incomplete
FROM feeds JOIN accounts ON accounts.id = feeds.account_id
LEFT JOIN calendars ON feeds.kind = 'events' AND calendars.id = feeds.parent_id
LEFT JOIN task_lists ON feeds.kind = 'tasks' AND task_lists.id = feeds.parent_id
WHERE accounts.removed_at IS NULL;

-- Each kind as it reads with the edits that are on their way laid over what was observed. `edit` says how far they are; a record
-- that is to be created has a negative id.

CREATE VIEW contacts_now AS
SELECT
    id, account_id, remote_id, etag, modified_at, observed_at, seq, deleted_at, deletion, generation, name, given_name,
    family_name, nickname, company, job_title, emails, phones, birthday, categories, has_photo, notes, raw, NULL AS edit
FROM contacts WHERE NOT EXISTS (SELECT 1 FROM overlays WHERE kind = 'contacts' AND record_id = contacts.id)
UNION ALL SELECT
    record_id, overlays.account_id, coalesce(record.remote_id, ''), record.etag, record.modified_at,
    coalesce(record.observed_at, ''), overlays.seq, coalesce(overlays.deleted_at, record.deleted_at), record.deletion,
    coalesce(record.generation, 0), columns ->> 'name', columns ->> 'given_name', columns ->> 'family_name',
    columns ->> 'nickname', columns ->> 'company', columns ->> 'job_title', columns ->> 'emails', columns ->> 'phones',
    columns ->> 'birthday', columns ->> 'categories', columns ->> 'has_photo', columns ->> 'notes', overlays.raw, state
FROM overlays LEFT JOIN contacts AS record ON record.id = record_id WHERE kind = 'contacts';

CREATE VIEW calendars_now AS
SELECT
    id, account_id, remote_id, etag, modified_at, observed_at, seq, deleted_at, deletion, generation, name, description,
    color, access_role, is_primary, raw, NULL AS edit
FROM calendars WHERE NOT EXISTS (SELECT 1 FROM overlays WHERE kind = 'calendars' AND record_id = calendars.id)
UNION ALL SELECT
    record_id, overlays.account_id, coalesce(record.remote_id, ''), record.etag, record.modified_at,
    coalesce(record.observed_at, ''), overlays.seq, coalesce(overlays.deleted_at, record.deleted_at), record.deletion,
    coalesce(record.generation, 0), columns ->> 'name', columns ->> 'description', columns ->> 'color',
    columns ->> 'access_role', columns ->> 'is_primary', overlays.raw, state
FROM overlays LEFT JOIN calendars AS record ON record.id = record_id WHERE kind = 'calendars';

CREATE VIEW events_now AS
SELECT
    id, account_id, calendar_id, remote_id, etag, modified_at, observed_at, seq, deleted_at, deletion, generation, subject,
    starts_at, ends_at, all_day, timezone, location, organizer, attendees, attendee_count, response, canceled, show_as,
    sensitivity, categories, recurrence_type, rrule, series_remote_id, original_start, occurrence_type, meeting_url, web_url,
    ical_uid, description, raw, NULL AS edit
FROM events WHERE NOT EXISTS (SELECT 1 FROM overlays WHERE kind = 'events' AND record_id = events.id)
UNION ALL SELECT
    record_id, overlays.account_id, overlays.parent_id, coalesce(record.remote_id, ''), record.etag, record.modified_at,
    coalesce(record.observed_at, ''), overlays.seq, coalesce(overlays.deleted_at, record.deleted_at), record.deletion,
    coalesce(record.generation, 0), columns ->> 'subject', columns ->> 'starts_at', columns ->> 'ends_at',
    columns ->> 'all_day', columns ->> 'timezone', columns ->> 'location', columns ->> 'organizer', columns ->> 'attendees',
    columns ->> 'attendee_count', columns ->> 'response', columns ->> 'canceled', columns ->> 'show_as',
    columns ->> 'sensitivity', columns ->> 'categories', columns ->> 'recurrence_type', columns ->> 'rrule',
    columns ->> 'series_remote_id', columns ->> 'original_start', columns ->> 'occurrence_type', columns ->> 'meeting_url',
    columns ->> 'web_url', columns ->> 'ical_uid', columns ->> 'description', overlays.raw, state
FROM overlays LEFT JOIN events AS record ON record.id = record_id WHERE kind = 'events';

CREATE VIEW folders_now AS
SELECT
    id, account_id, remote_id, etag, modified_at, observed_at, seq, deleted_at, deletion, generation, name, full_name,
    parent_remote_id, label, is_folder, is_label, raw, NULL AS edit
FROM folders WHERE NOT EXISTS (SELECT 1 FROM overlays WHERE kind = 'folders' AND record_id = folders.id)
UNION ALL SELECT
    record_id, overlays.account_id, coalesce(record.remote_id, ''), record.etag, record.modified_at,
    coalesce(record.observed_at, ''), overlays.seq, coalesce(overlays.deleted_at, record.deleted_at), record.deletion,
    coalesce(record.generation, 0), columns ->> 'name', columns ->> 'full_name', columns ->> 'parent_remote_id',
    columns ->> 'label', columns ->> 'is_folder', columns ->> 'is_label', overlays.raw, state
FROM overlays LEFT JOIN folders AS record ON record.id = record_id WHERE kind = 'folders';

CREATE VIEW messages_now AS
SELECT
    id, account_id, remote_id, etag, modified_at, observed_at, seq, deleted_at, deletion, generation, folder_id, thread_id,
    subject, from_name, from_email, recipients, sent_at, received_at, unread, flagged, labels, keywords, has_attachments,
    sensitivity, meeting_method, internet_message_id, in_reply_to, web_url, snippet, raw, NULL AS edit
FROM messages WHERE NOT EXISTS (SELECT 1 FROM overlays WHERE kind = 'messages' AND record_id = messages.id)
UNION ALL SELECT
    record_id, overlays.account_id, coalesce(record.remote_id, ''), record.etag, record.modified_at,
    coalesce(record.observed_at, ''), overlays.seq, coalesce(overlays.deleted_at, record.deleted_at), record.deletion,
    coalesce(record.generation, 0), columns ->> 'folder_id', columns ->> 'thread_id', columns ->> 'subject',
    columns ->> 'from_name', columns ->> 'from_email', columns ->> 'recipients', columns ->> 'sent_at',
    columns ->> 'received_at', columns ->> 'unread', columns ->> 'flagged', columns ->> 'labels', columns ->> 'keywords',
    columns ->> 'has_attachments', columns ->> 'sensitivity', columns ->> 'meeting_method',
    columns ->> 'internet_message_id', columns ->> 'in_reply_to', columns ->> 'web_url', columns ->> 'snippet', overlays.raw,
    state
FROM overlays LEFT JOIN messages AS record ON record.id = record_id WHERE kind = 'messages';

CREATE VIEW task_lists_now AS
SELECT
    id, account_id, remote_id, etag, modified_at, observed_at, seq, deleted_at, deletion, generation, title, is_default,
    is_owner, is_shared, raw, NULL AS edit
FROM task_lists WHERE NOT EXISTS (SELECT 1 FROM overlays WHERE kind = 'task_lists' AND record_id = task_lists.id)
UNION ALL SELECT
    record_id, overlays.account_id, coalesce(record.remote_id, ''), record.etag, record.modified_at,
    coalesce(record.observed_at, ''), overlays.seq, coalesce(overlays.deleted_at, record.deleted_at), record.deletion,
    coalesce(record.generation, 0), columns ->> 'title', columns ->> 'is_default', columns ->> 'is_owner',
    columns ->> 'is_shared', overlays.raw, state
FROM overlays LEFT JOIN task_lists AS record ON record.id = record_id WHERE kind = 'task_lists';

CREATE VIEW tasks_now AS
SELECT
    id, account_id, task_list_id, remote_id, etag, modified_at, observed_at, seq, deleted_at, deletion, generation, title,
    status, importance, due_at, starts_at, completed_at, parent_remote_id, position, owner, categories, notes, raw,
    NULL AS edit
FROM tasks WHERE NOT EXISTS (SELECT 1 FROM overlays WHERE kind = 'tasks' AND record_id = tasks.id)
UNION ALL SELECT
    record_id, overlays.account_id, overlays.parent_id, coalesce(record.remote_id, ''), record.etag, record.modified_at,
    coalesce(record.observed_at, ''), overlays.seq, coalesce(overlays.deleted_at, record.deleted_at), record.deletion,
    coalesce(record.generation, 0), columns ->> 'title', columns ->> 'status', columns ->> 'importance',
    columns ->> 'due_at', columns ->> 'starts_at', columns ->> 'completed_at', columns ->> 'parent_remote_id',
    columns ->> 'position', columns ->> 'owner', columns ->> 'categories', columns ->> 'notes', overlays.raw, state
FROM overlays LEFT JOIN tasks AS record ON record.id = record_id WHERE kind = 'tasks';
