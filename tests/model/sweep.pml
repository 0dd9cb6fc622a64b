/* Leases, epochs, pins, splices, the fence and the sweep (design 8), for
 * spin. README.md says what stands for what in the services, which rule each
 * NO_... macro takes out, and what is not in here.
 *
 * Each service is state; each call is one atomic step of the process that
 * makes it. Requests and answers that are late are steps that come late: any
 * process may stand still at any point for as long as it likes, or for ever.
 *
 * A configuration is a set of macros (model_test.py lists them):
 *   RECORDS    1..3
 *   WRITERS    0..2 backup sessions
 *   SWEEPERS   0..2 processes that sweep, SWEEPS times each; nothing keeps
 *              one from running on after the next has begun
 *   BASE       writers may take pages over from snapshot 0
 *   EXPIRY     leases of writers may expire, and be renewed
 *   READER     a restore of any snapshot, whose lease may expire
 *   RESTART    chunk_storage restarts, any number of times
 *   FORGET     snapshots are forgotten; each sweep finds the trash time of
 *              each over, or not yet
 *   TRASH_0    it is always over
 *   UNDELETE   and undeleted
 *   IMPORT     a snapshot is listed without pins
 */

#ifndef WRITERS
#define WRITERS 1
#endif
#ifndef SWEEPERS
#define SWEEPERS 1
#endif
#ifndef SWEEPS
#define SWEEPS 1
#endif
#ifndef RECORDS
#define RECORDS 2
#endif

#ifdef TRASH_0
#define TRASH_TIME_IS_0 true
#else
#define TRASH_TIME_IS_0 false
#endif

#define BIT(i) (1 << (i))
#define EVERY_RECORD (BIT(RECORDS) - 1)
#define MAX(a, b) ((a) > (b) -> (a) : (b))

/* The four properties. Hidden: no part of a state; the name is in the text of
 * the assertion that fails. */
hidden byte is_S1, is_S2, is_S3, is_S4;
#define S1(holds) assert((holds) || is_S1 == 1)
#define S2(holds) assert((holds) || is_S2 == 1)
#define S3(holds) assert((holds) || is_S3 == 1)
#define S4(holds) assert((holds) || is_S4 == 1)

/* --- chunk_storage ------------------------------------------------------ */

#define ABSENT 0
#define BUFFERED 1  /* not synced: a restart loses it */
#define DURABLE 2
#define UNSYNCED 3  /* NO_REMOVAL_SYNC: bytes gone, place to come back */
#define DANGLING 4  /* NO_REMOVAL_SYNC: a place without bytes */

byte record[RECORDS];
byte touch[RECORDS];
byte touch_floor;  /* 0: not told since the start */
byte store_token;  /* highest shown; durable */

#define HAS_PLACE(c) \
  (record[c] == BUFFERED || record[c] == DURABLE || record[c] == DANGLING)
#define HAS_BYTES(c) (record[c] == BUFFERED || record[c] == DURABLE)
#define LOST1(c) (HAS_BYTES(c) -> 0 : BIT(c))
#define BUFFERED1(c) (record[c] == BUFFERED -> BIT(c) : 0)
#if RECORDS == 1
#define LOST LOST1(0)
#define BUFFERED_SET BUFFERED1(0)
#elif RECORDS == 2
#define LOST (LOST1(0) | LOST1(1))
#define BUFFERED_SET (BUFFERED1(0) | BUFFERED1(1))
#else
#define LOST (LOST1(0) | LOST1(1) | LOST1(2))
#define BUFFERED_SET (BUFFERED1(0) | BUFFERED1(1) | BUFFERED1(2))
#endif

/* --- index -------------------------------------------------------------- */

#define NO_ROW 0
#define LISTED 1
#define TRASH 2
#define GONE 3

/* 0: the base; 1, 2: what the writers publish; 3: what is imported. */
#define SNAPSHOTS 4
#if RECORDS == 1
#define BASE_RECORDS(b) content[b]
#else
#define BASE_RECORDS(b) ((b) == 0 -> 1 : content[b])
#endif
#define IMPORTED 3
byte snapshot[SNAPSHOTS];
byte content[SNAPSHOTS];  /* records of each; 0 without a row */
byte fence;
byte index_token;

/* Rows of sessions. */
#define OPEN 1
#define ENDED 2  /* published or aborted */
byte row[2];
byte kept[2];  /* base_archives: roots while the session is open */

#define OF1(i, state) (snapshot[i] == (state) -> content[i] : 0)
#define RECORDS_OF(state) \
  (OF1(0, state) | OF1(1, state) | OF1(2, state) | OF1(3, state))

/* --- maintenance -------------------------------------------------------- */

#define NO_LEASE 0
#define PENDING 1
#define LIVE 2
#define EXPIRED 3

byte epoch = 2;  /* E */
byte token;      /* F */
byte lease[2];
byte session_epoch[2];  /* of lease, row and session alike; 0: none */
bool lost_lease[2];     /* for S4 only: it has expired at some time */

/* The reader's lease, and the snapshot it claims. */
byte reader_lease;
byte reader_snapshot;

/* Nothing else happens after the sweep of S3. */
bool stopped;

/* Scratch, inside of one step; no part of a state. */
hidden byte c, i;

/* ------------------------------------------------------------------------ */

#define KEEP_LISTED(what) S1(!(RECORDS_OF(LISTED) & (what)))

inline drop(c) {
#ifdef NO_REMOVAL_SYNC
  record[c] = UNSYNCED;
#else
  record[c] = ABSENT;
#endif
  touch[c] = 0;
  KEEP_LISTED(BIT(c));
  S2(!(reader_lease == LIVE && (content[reader_snapshot] & BIT(c))));
}

/* --- a sweep, call by call ---------------------------------------------- */

/* Of the two sweepers, and of the sweep that checks S3. */
byte my_token[3], cut[3], marks[3];
byte gone[3], leased[3];  /* snapshots, as bits */
byte left[2];             /* sweeps that it will begin yet */

#define WRITES(w) (lease[w] == LIVE -> session_epoch[w] : epoch)
#define MIN(a, b) ((a) < (b) -> (a) : (b))

inline take_numbers() {
  epoch++;
  token++;
  my_token[me] = token;
#ifdef NO_CUT
  cut[me] = epoch;
#else
  cut[me] = MIN(MIN(WRITES(0), WRITES(1)), epoch);
#endif
}

inline raise_fence() { fence = MAX(fence, cut[me]); }

#ifdef NO_ROW_CUT
#define IS_ROOT(w) (row[w] == OPEN)
#else
#define IS_ROOT(w) (row[w] == OPEN && session_epoch[w] >= cut[me])
#endif

/* Whether the trash time of a snapshot is over is index's own decision. */
inline take_view(trash_time_is_0) {
  marks[me] = RECORDS_OF(LISTED) | (IS_ROOT(0) -> kept[0] : 0) |
              (IS_ROOT(1) -> kept[1] : 0);
  gone[me] = 0;
  for (i : 0 .. SNAPSHOTS - 1) {
    if
    :: snapshot[i] == TRASH && !trash_time_is_0 ->
      marks[me] = marks[me] | content[i]
    :: snapshot[i] == TRASH ->
#ifdef NO_GONE
      skip
#else
      snapshot[i] = GONE
#endif
    :: else
    fi;
    gone[me] = gone[me] | (snapshot[i] == GONE -> BIT(i) : 0)
  }
}

#ifdef NO_PENDING_LISTED
#define IS_GUARD (reader_lease == LIVE)
#else
#define IS_GUARD (reader_lease == PENDING || reader_lease == LIVE)
#endif
#define LEASES (IS_GUARD -> BIT(reader_snapshot) : 0)

inline read_leases() { leased[me] = LEASES; }

/* Gone rows that are no roots go; nobody could use them any more. */
inline settle_gone() {
  for (i : 0 .. SNAPSHOTS - 1) {
    if
    :: (gone[me] & leased[me] & BIT(i)) -> marks[me] = marks[me] | content[i]
    :: (gone[me] & ~leased[me] & BIT(i)) && snapshot[i] == GONE ->
       snapshot[i] = NO_ROW;
       content[i] = 0
    :: else
    fi
  };
  gone[me] = 0;
  leased[me] = 0
}

/* From here on touches below the cut mean nothing: the fence has it. */
inline show_token() {
  store_token = MAX(store_token, my_token[me]);
  for (c : 0 .. RECORDS - 1) {
    if
    :: touch[c] < cut[me] -> touch[c] = 0
    :: else
    fi
  };
#if !defined(NO_TOKEN_CHECK) && !defined(NO_TOKEN_AT_FENCE)
  /* What a sweeper knows that has been overtaken is of no use any more. */
  if
  :: me < 2 && my_token[1 - me] < my_token[me] ->
     my_token[1 - me] = 0;
     cut[1 - me] = 0;
     marks[1 - me] = 0
  :: else
  fi;
#endif
#ifdef FLOOR_WITH_EVERY_TOKEN
  touch_floor = MAX(touch_floor, epoch);
#endif
}

#ifdef NO_TOKEN_CHECK
#define TOKEN_HOLDS true
#else
#define TOKEN_HOLDS (store_token == my_token[me])
#endif
#ifdef NO_FLOOR_WAIT
#define FLOOR_HOLDS (touch_floor < cut[me])
#else
#define FLOOR_HOLDS (touch_floor != 0 && touch_floor < cut[me])
#endif
#ifdef NO_TOUCH_AT_DROP
#define TOUCH_HOLDS(c) (!(marks[me] & BIT(c)))
#else
#define TOUCH_HOLDS(c) \
  (!(marks[me] & BIT(c)) && touch[c] < cut[me] && FLOOR_HOLDS)
#endif
#define MAY_DROP(c) (HAS_PLACE(c) && TOKEN_HOLDS && TOUCH_HOLDS(c))

/* NO_TOUCH_AT_DROP: the touches as they are when the plan is made. */
inline plan_touches() {
#ifdef NO_TOUCH_AT_DROP
  for (c : 0 .. RECORDS - 1) {
    if
    :: touch[c] >= cut[me] || !FLOOR_HOLDS -> marks[me] = marks[me] | BIT(c)
    :: else
    fi
  }
#else
  skip
#endif
}

#ifdef NO_TOKEN_AT_FENCE
#define FENCE_REFUSES false
#else
#define FENCE_REFUSES (my_token[me] < index_token)
#endif

/* Without readers nobody can tell when a gone row goes. */
#if !defined(READER) && !defined(NO_BASE_NOT_GONE) && \
    !defined(NO_VIEW_AFTER_FENCE)
#define GONE_IS_UNSEEN
#endif

proctype Sweeper(byte me) {
  left[me] = SWEEPS;
  do
  :: atomic {
       /* Sweepers are alike, so one of them may as well be the first. */
       !stopped && left[me] > 0 && (me == 0 || token > 0) ->
       left[me]--;
       take_numbers()
     };
#ifdef NO_FENCED_DISCARD
     /* As a plan that raises no fence would do it. */
     atomic { !stopped -> show_token() };
#endif
#ifdef NO_LEASES_AFTER_VIEW
     atomic { !stopped -> read_leases() };
#endif
#ifdef NO_VIEW_AFTER_FENCE
     atomic { !stopped -> take_view(TRASH_TIME_IS_0) };
     atomic { !stopped -> index_token = MAX(index_token, my_token[me]);
              raise_fence() };
#else
     atomic {
       !stopped ->
       if
       :: FENCE_REFUSES -> goto abandoned
       :: else
       fi;
       index_token = MAX(index_token, my_token[me]);
       raise_fence();
       take_view(TRASH_TIME_IS_0);
#ifdef GONE_IS_UNSEEN
       settle_gone()
#endif
     };
#endif
#ifdef NO_LEASES_AFTER_VIEW
     atomic { !stopped -> settle_gone() };
#else
#ifndef GONE_IS_UNSEEN
     atomic { !stopped -> read_leases(); settle_gone() };
#endif
#endif
     atomic {
       !stopped ->
       if
       :: my_token[me] < store_token -> goto abandoned
       :: else
       fi;
       show_token();
       plan_touches()
     };
     do
     :: atomic { !stopped && MAY_DROP(0) -> drop(0) }
#if RECORDS > 1
     :: atomic { !stopped && MAY_DROP(1) -> drop(1) }
#endif
#if RECORDS > 2
     :: atomic { !stopped && MAY_DROP(2) -> drop(2) }
#endif
#ifdef NO_MARK_CARRY
     /* Compaction moves a record whose mark stays with its old place. */
     :: atomic { !stopped && (marks[me] & 1) -> marks[me] = marks[me] & ~1 }
     :: atomic { !stopped && (marks[me] & 2) -> marks[me] = marks[me] & ~2 }
#endif
     :: atomic { !stopped && left[me] > 0 -> goto abandoned }
     od;
abandoned:
     atomic {
       my_token[me] = 0;
       cut[me] = 0;
       marks[me] = 0;
       gone[me] = 0;
       leased[me] = 0
     }
  od
}

/* --- a backup session --------------------------------------------------- */

/* Which start of chunk_storage the answers have named. */
#define NONE 0
#define CURRENT 1
#define FORMER 2
byte incarnation[2];

/* Of a session, as bits: what it was told is present, or has stored; what of
 * that is known durable, below a watermark; what it has taken over unseen. */
byte pinned[2], known[2], taken[2];
#ifdef NO_LOCK
byte found[2];
#endif
#ifdef NO_SYNC_OF_PRESENT
byte stored[2];
#endif

/* Finding the record and raising its touch are one step, under its lock;
 * what is missing is stored. */
inline pin(c) {
  if
  :: HAS_PLACE(c) ->
#ifndef NO_PIN
     touch[c] = MAX(touch[c], session_epoch[w])
#else
     skip
#endif
  :: else ->
     record[c] = BUFFERED;
#ifdef NO_SYNC_OF_PRESENT
     stored[w] = stored[w] | BIT(c);
#endif
#ifndef NO_PUT_TOUCH
     touch[c] = MAX(touch[c], session_epoch[w])
#else
     skip
#endif
  fi;
  pinned[w] = pinned[w] | BIT(c);
  incarnation[w] = CURRENT
}

/* An answer that names another start: pin again what is not known durable. */
inline start_over() {
  pinned[w] = known[w];
  incarnation[w] = NONE
}

#ifdef NO_INCARNATION
#define IS_CURRENT true
#else
#define IS_CURRENT (incarnation[w] != FORMER)
#endif

#ifdef NO_SYNC_OF_PRESENT
#define IS_SYNCED stored[w]
#else
#define IS_SYNCED pinned[w]
#endif

inline sync(c) {
  if
  :: (IS_SYNCED & BIT(c)) && record[c] == BUFFERED -> record[c] = DURABLE
  :: else
  fi
}

#define FENCED (session_epoch[w] < fence)
#ifdef NO_FENCE_AT_PUBLISH
#define PUBLISH_FENCED false
#else
#define PUBLISH_FENCED FENCED
#endif
#ifdef NO_FENCE_AT_SPLICE
#define SPLICE_FENCED false
#else
#define SPLICE_FENCED FENCED
#endif

#ifdef NO_BASE_ROW
#define IS_BASE(b) (BASE_RECORDS(b) != 0)
#else
#ifdef NO_BASE_NOT_GONE
#define IS_BASE(b) (snapshot[b] != NO_ROW)
#else
#define IS_BASE(b) (snapshot[b] == LISTED || snapshot[b] == TRASH)
#endif
#endif

#define WORKS (!stopped && row[w] == OPEN)

proctype Writer(byte w) {
  atomic {
    /* Writers are alike too. */
    !stopped && (w == 0 || session_epoch[0] > 0) ->
    session_epoch[w] = epoch;
    lease[w] = LIVE
  };
  do
  /* OpenSession, or a first call that comes too late. */
  :: atomic {
       !stopped && row[w] == 0 ->
       if
       :: FENCED -> S4(lost_lease[w]); goto over
       :: else -> row[w] = OPEN
       fi
     }
#ifndef NO_LOCK
#define PIN(c) \
  :: atomic { \
       WORKS && !(pinned[w] & BIT(c)) -> \
       if \
       :: !IS_CURRENT -> start_over() \
       :: else -> pin(c) \
       fi \
     }
#else
/* The answer is found first and the touch is raised after that. */
#define PIN(c) \
  :: atomic { \
       WORKS && !(pinned[w] & BIT(c)) && !(found[w] & BIT(c)) && IS_CURRENT -> \
       if \
       :: HAS_PLACE(c) -> found[w] = found[w] | BIT(c) \
       :: else -> pin(c) \
       fi \
     } \
  :: atomic { \
       WORKS && (found[w] & BIT(c)) -> \
       found[w] = found[w] & ~BIT(c); \
       pinned[w] = pinned[w] | BIT(c); \
       incarnation[w] = CURRENT; \
       touch[c] = MAX(touch[c], session_epoch[w]) \
     }
#endif
  PIN(0)
#if RECORDS > 1
  PIN(1)
#endif
#if RECORDS > 2
  PIN(2)
#endif
  /* A watermark, and the first half of Finish. */
  :: atomic {
       WORKS && pinned[w] != known[w] ->
       if
       :: !IS_CURRENT -> start_over()
       :: else ->
          sync(0);
#if RECORDS > 1
          sync(1);
#endif
#if RECORDS > 2
          sync(2);
#endif
          known[w] = pinned[w]
       fi
     }
#ifdef BASE
#define TAKE_OVER(b) \
  :: atomic { \
       WORKS && !taken[w] && IS_BASE(b) && BASE_RECORDS(b) != 0 -> \
       if \
       :: SPLICE_FENCED -> S4(lost_lease[w]); goto over \
       :: else -> taken[w] = BASE_RECORDS(b); kept[w] = KEPT \
       fi \
     }
#ifdef NO_SPLICE_RECORD
#define KEPT 0
#else
#define KEPT taken[w]
#endif
  TAKE_OVER(0)
#if WRITERS > 1
  /* Of what the first writer has published meanwhile. */
  TAKE_OVER(1)
#endif
#endif
  /* The second half of Finish. */
  :: atomic {
       WORKS && pinned[w] == known[w] && (pinned[w] | taken[w]) != 0 ->
       if
       :: PUBLISH_FENCED -> S4(lost_lease[w])
       :: else ->
          snapshot[w + 1] = LISTED;
          content[w + 1] = pinned[w] | taken[w];
          row[w] = ENDED;
          kept[w] = 0;
          S1(!(content[w + 1] & LOST))
       fi;
       goto over
     }
  /* Gives up. */
  :: atomic { WORKS -> row[w] = ENDED; kept[w] = 0; goto over }
#ifdef EXPIRY
  :: atomic {
       !stopped && lease[w] == LIVE -> lease[w] = EXPIRED; lost_lease[w] = true
     }
  :: atomic {
       !stopped && lease[w] == EXPIRED && !FENCED ->
       lease[w] = LIVE;
#ifdef NO_FIXED_EPOCH
       session_epoch[w] = epoch
#endif
     }
#endif
  od;
over:
  atomic {
    pinned[w] = 0;
    known[w] = 0;
    taken[w] = 0;
#ifdef NO_LOCK
    found[w] = 0;
#endif
    incarnation[w] = NONE
  };
  /* Released late, or never: then it expires. What is set to 1 is not looked
   * at any more. */
  atomic {
    !stopped ->
    lease[w] = NO_LEASE;
    lost_lease[w] = false;
    session_epoch[w] = (row[w] == OPEN -> session_epoch[w] : 1)
  }
}

/* --- a restore ---------------------------------------------------------- */

#define IS_READABLE \
  (snapshot[reader_snapshot] == LISTED || snapshot[reader_snapshot] == TRASH)

#ifdef NO_CONFIRM
#define CONFIRMS true
#else
#define CONFIRMS (reader_lease == PENDING)
#endif

proctype Reader() {
  bool readable;
  do
#ifdef NO_LEASE_FIRST
  :: atomic {
       !stopped ->
       if
       :: reader_snapshot = 0
       :: reader_snapshot = 1
       fi;
       readable = IS_READABLE
     };
     atomic { !stopped -> reader_lease = PENDING };
#else
  :: atomic {
       !stopped ->
       if
       :: reader_snapshot = 0
       :: reader_snapshot = 1
       fi;
       reader_lease = PENDING
     };
     atomic { !stopped -> readable = IS_READABLE };
#endif
     atomic {
       !stopped ->
       if
       /* It may have expired since it was recorded. */
       :: readable && CONFIRMS ->
          reader_lease = LIVE;
          S2(!(content[reader_snapshot] & LOST) &&
             snapshot[reader_snapshot] != NO_ROW)
       :: else -> reader_lease = NO_LEASE
       fi
     };
     /* Reads for as long as it likes, then ends or expires. */
     atomic {
       !stopped ->
       reader_lease = NO_LEASE;
       reader_snapshot = 0;
       readable = false
     }
  od
}

/* A lease that was recorded expires before it is granted. */
proctype PendingExpiry() {
  do
  :: atomic { !stopped && reader_lease == PENDING -> reader_lease = NO_LEASE }
  od
}

/* --- the rest ----------------------------------------------------------- */

proctype Forgetter() {
  do
  :: atomic { !stopped && snapshot[0] == LISTED -> snapshot[0] = TRASH }
  :: atomic { !stopped && snapshot[1] == LISTED -> snapshot[1] = TRASH }
#if WRITERS > 1
  :: atomic { !stopped && snapshot[2] == LISTED -> snapshot[2] = TRASH }
#endif
#ifdef UNDELETE
  :: atomic {
       !stopped && snapshot[0] == TRASH ->
       snapshot[0] = LISTED;
       S1(!(content[0] & LOST))
     }
#endif
  od
}

/* Whether the epoch that is on its way to the store is for its last start. */
bool push_is_current;
byte pushed;

/* Touches and what is not synced are lost. */
proctype Restarter() {
  do
  :: atomic {
       !stopped ->
       KEEP_LISTED(BUFFERED_SET);
       for (c : 0 .. RECORDS - 1) {
         if
         :: record[c] == BUFFERED -> record[c] = ABSENT
         :: record[c] == UNSYNCED -> record[c] = DANGLING
         :: else
         fi;
         touch[c] = 0
       };
#ifndef NO_NEW_FLOOR
       touch_floor = 0;
#endif
       for (c : 0 .. 1) {
         if
         :: incarnation[c] == CURRENT -> incarnation[c] = FORMER
         :: else
         fi
       };
       push_is_current = false
     }
  od
}

/* Maintenance asks which start of chunk_storage this is and answers with the
 * epoch. The answer may come late. */
#ifdef NO_FLOOR_INCARNATION
#define PUSH_HOLDS true
#else
#define PUSH_HOLDS push_is_current
#endif
proctype FloorPusher() {
  do
  :: atomic {
       !stopped && pushed == 0 && touch_floor == 0 ->
       pushed = epoch;
       push_is_current = true
     }
  :: atomic {
       !stopped && pushed != 0 ->
       if
       :: touch_floor == 0 && PUSH_HOLDS -> touch_floor = pushed
       :: else
       fi;
       pushed = 0;
       push_is_current = false
     }
  od
}

/* Lists what lies there, without a session: a rebuild, an import. */
proctype Importer() {
  byte shown;
#ifndef NO_IMPORT_TOKEN
  atomic { !stopped -> token++; shown = token };
  atomic {
    !stopped ->
    if
    :: shown < store_token -> goto over
    :: else -> store_token = shown
    fi
  };
#endif
  atomic {
    !stopped && record[1] == DURABLE
  };
  atomic {
    !stopped ->
#ifndef NO_IMPORT_TOKEN
#ifndef NO_IMPORT_INDEX_TOKEN
    if
    :: shown < index_token -> goto over
    :: else
    fi;
#endif
#endif
    snapshot[IMPORTED] = LISTED;
    content[IMPORTED] = BIT(1);
    S1(!(content[IMPORTED] & LOST))
  };
over:
  skip
}

#ifdef NO_TOUCH_CARRY
/* Compaction moves a record and leaves its touch behind. */
proctype Compaction() {
  do
  :: atomic { !stopped && touch[0] > 0 -> touch[0] = 0 }
  :: atomic { !stopped && touch[1] > 0 -> touch[1] = 0 }
  od
}
#endif

/* S3: whenever nobody holds a lease, one sweep frees all that is not listed.
 * Trash time is 0 here, so that trash is garbage too. */
#define QUIET \
  (lease[0] != LIVE && lease[1] != LIVE && reader_lease == NO_LEASE)

/* Nothing comes after it, so all states there are as good as one. */
inline forget_all() {
  for (c : 0 .. RECORDS - 1) {
    record[c] = 0;
    touch[c] = 0
  };
  for (c : 0 .. SNAPSHOTS - 1) {
    snapshot[c] = 0;
    content[c] = 0
  };
  for (c : 0 .. 2) {
    my_token[c] = 0;
    cut[c] = 0;
    marks[c] = 0;
    gone[c] = 0;
    leased[c] = 0
  };
  for (c : 0 .. 1) {
    left[c] = 0;
    row[c] = 0;
    kept[c] = 0;
    lease[c] = 0;
    session_epoch[c] = 0;
    lost_lease[c] = false;
    incarnation[c] = 0;
    pinned[c] = 0;
    known[c] = 0;
    taken[c] = 0
  };
  touch_floor = 0;
  store_token = 0;
  fence = 0;
  index_token = 0;
  epoch = 0;
  token = 0;
  push_is_current = false;
  pushed = 0
}

proctype QuietSweep() {
  byte me = 2;
  atomic {
    !stopped && QUIET ->
    stopped = true;
    if
    :: touch_floor == 0 -> touch_floor = epoch
    :: else
    fi;
    take_numbers();
    raise_fence();
    take_view(true);
    read_leases();
    settle_gone();
    show_token();
    plan_touches();
    for (c : 0 .. RECORDS - 1) {
      if
      :: MAY_DROP(c) -> drop(c)
      :: else
      fi
    };
    for (c : 0 .. RECORDS - 1) {
      S3(!HAS_BYTES(c) || (RECORDS_OF(LISTED) & BIT(c)))
    };
    forget_all()
  }
}

/* A base of record 0; record 1 is garbage; record 2 was never there. Of one
 * record each of the three is tried. */
init {
  atomic {
#if RECORDS == 1
    if
    :: snapshot[0] = LISTED; content[0] = 1; record[0] = DURABLE
    :: record[0] = DURABLE
    :: skip
    fi;
#else
    snapshot[0] = LISTED;
    content[0] = 1;
    record[0] = DURABLE;
    record[1] = DURABLE;
#endif
#ifdef RESTART
    run Restarter();
    run FloorPusher();
#else
    touch_floor = 1;  /* from long ago: it protects no session */
#endif
#if WRITERS > 0
    run Writer(0);
#endif
#if WRITERS > 1
    run Writer(1);
#endif
#if SWEEPERS > 0
    run Sweeper(0);
#endif
#if SWEEPERS > 1
    run Sweeper(1);
#endif
#ifdef READER
    run Reader();
    run PendingExpiry();
#endif
#ifdef FORGET
    run Forgetter();
#endif
#ifdef IMPORT
    run Importer();
#endif
#ifdef NO_TOUCH_CARRY
    run Compaction();
#endif
    run QuietSweep()
  }
}
