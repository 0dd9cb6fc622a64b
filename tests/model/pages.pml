/* Page rows in index (design 8: "page rows in index drop by the same rule"),
 * for spin. What is different from the records of chunk_storage: pages form
 * trees, and a change of a row, be it put or dropped, is buffered until the
 * next synced batch. README.md says what stands for what.
 *
 * One archive of two pages: a parent that names a child. Both are garbage at
 * first. A configuration is a set of macros:
 *   WRITERS   1 or 2 sessions that build this very archive
 *   SWEEPERS  1 or 2 processes that sweep, once each
 *   EXPIRY    leases of writers may expire, and be renewed
 *   POWER_CUT index loses what is not synced, any number of times
 */

#ifndef WRITERS
#define WRITERS 1
#endif
#ifndef SWEEPERS
#define SWEEPERS 1
#endif

#define MAX(a, b) ((a) > (b) -> (a) : (b))
#define MIN(a, b) ((a) < (b) -> (a) : (b))

hidden byte is_S1, is_S3, is_S4;
#define S1(holds) assert((holds) || is_S1 == 1)
#define S3(holds) assert((holds) || is_S3 == 1)
#define S4(holds) assert((holds) || is_S4 == 1)

/* --- index -------------------------------------------------------------- */

#define ABSENT 0
#define REMOVED 1  /* it may be back after a power cut */
#define BUFFERED 2 /* it may be lost */
#define DURABLE 3
#define IS_THERE(p) (page[p] >= BUFFERED)
#define CHILD 0
#define PARENT 1
byte page[2];
byte touch[2];
byte touch_floor;    /* at a start: highest_epoch */
byte highest_epoch;  /* of any session that was opened; durable */
byte fence;
byte highest_token;

#define OPEN 1
#define ENDED 2
byte row[2];
bool is_checkpointed[2];  /* the archive is complete in the session's row */
bool listed[3];           /* by the writers; 2: an old snapshot of the same */

#define IS_LISTED (listed[0] || listed[1] || listed[2])

/* --- maintenance -------------------------------------------------------- */

#define NO_LEASE 0
#define LIVE 1
#define EXPIRED 2
byte epoch = 1;
byte token;
byte lease[2];
byte session_epoch[2];
bool lost_lease[2];

bool stopped;

/* A synced batch makes all durable that was done before it. */
inline sync() {
  page[CHILD] = (IS_THERE(CHILD) -> DURABLE : ABSENT);
  page[PARENT] = (IS_THERE(PARENT) -> DURABLE : ABSENT)
}

/* --- a sweep ------------------------------------------------------------ */

#define WRITES(w) (lease[w] == LIVE -> session_epoch[w] : epoch)

inline take_numbers() {
  epoch++;
  token++;
  my_token = token;
#ifdef NO_CUT
  cut = epoch
#else
  cut = MIN(MIN(WRITES(0), WRITES(1)), epoch)
#endif
}

#define IS_ROOT(w) \
  (row[w] == OPEN && is_checkpointed[w] && session_epoch[w] >= cut)

/* The old snapshot is gone if it was forgotten: its trash time is 0. */
inline fence_and_view() {
  highest_token = my_token;
  fence = MAX(fence, cut);
  sync();
  is_marked = IS_LISTED || IS_ROOT(0) || IS_ROOT(1);
  touch[CHILD] = (touch[CHILD] < cut -> 0 : touch[CHILD]);
  touch[PARENT] = (touch[PARENT] < cut -> 0 : touch[PARENT])
}

#ifdef NO_TOKEN_CHECK
#define TOKEN_HOLDS true
#else
#define TOKEN_HOLDS (highest_token == my_token)
#endif
#define MAY_DROP(p) \
  (IS_THERE(p) && !is_marked && TOKEN_HOLDS && touch[p] < cut && \
   touch_floor < cut)

/* In whatever order: a page may go while one that names it is still there. */
inline drop(p) {
  page[p] = REMOVED;
  touch[p] = 0;
  S1(!IS_LISTED)
}

proctype Sweeper(byte me) {
  byte my_token, cut;
  bool is_marked;
  atomic { !stopped && (me == 0 || token > 0) -> take_numbers() };
  atomic {
    !stopped ->
    if
    :: my_token < highest_token -> goto over
    :: else -> fence_and_view()
    fi
  };
  do
  :: atomic { !stopped && MAY_DROP(CHILD) -> drop(CHILD) }
  :: atomic { !stopped && MAY_DROP(PARENT) -> drop(PARENT) }
  od;
over:
  skip
}

proctype QuietSweep() {
  byte my_token, cut;
  bool is_marked;
  atomic {
    !stopped && lease[0] != LIVE && lease[1] != LIVE ->
    stopped = true;
    take_numbers();
    fence_and_view();
    if
    :: MAY_DROP(PARENT) -> drop(PARENT)
    :: else
    fi;
    if
    :: MAY_DROP(CHILD) -> drop(CHILD)
    :: else
    fi;
    S3(IS_LISTED || (!IS_THERE(CHILD) && !IS_THERE(PARENT)))
  }
}

/* --- a backup session --------------------------------------------------- */

#define FENCED (session_epoch[w] < fence)
#define WORKS (!stopped && row[w] == OPEN)

/* Where a session is. */
#define IDLE 0       /* nothing put since the last resume */
#define TOUCHED 1    /* the child was touched, in the middle of its put */
#define HAS_CHILD 2  /* its put was answered */
#define TOUCHED_2 3
#define HAS_PARENT 4
byte at[2];
/* Index has restarted since the first put: the incarnation that the session
 * was told is a former one. */
bool is_stale[2];
#ifdef NO_INCARNATION
#define IS_STALE(w) false
#else
#define IS_STALE(w) is_stale[w]
#endif

inline resume(w) {
  at[w] = IDLE;
  is_stale[w] = false
}

#ifdef NO_TOUCH
#define RAISE(p)
#else
#define RAISE(p) touch[p] = MAX(touch[p], session_epoch[w]);
#endif

#ifdef NO_FENCE_AT_PUBLISH
#define PUBLISH_FENCED false
#else
#define PUBLISH_FENCED FENCED
#endif

proctype Writer(byte w) {
  atomic {
    !stopped && (w == 0 || session_epoch[0] > 0) ->
    session_epoch[w] = epoch;
    lease[w] = LIVE
  };
  atomic {
    !stopped ->
    if
    :: FENCED -> S4(lost_lease[w]); goto over
    :: else ->
       row[w] = OPEN;
       highest_epoch = MAX(highest_epoch, session_epoch[w]);
       sync()
    fi
  };
  do
  /* PutPages of the child: the fence, the touch; then the row if it is not
   * there. */
  :: atomic {
       WORKS && at[w] == IDLE && !FENCED ->
       RAISE(CHILD)
       at[w] = TOUCHED
     }
  :: atomic {
       WORKS && at[w] == TOUCHED && !FENCED ->
       page[CHILD] = MAX(page[CHILD], BUFFERED);
       at[w] = HAS_CHILD
     }
  /* Of the parent: it touches the child too, and fails without it. */
  :: atomic {
       WORKS && at[w] == HAS_CHILD && !FENCED ->
       RAISE(CHILD)
       RAISE(PARENT)
       at[w] = TOUCHED_2
     }
  :: atomic {
       WORKS && at[w] == TOUCHED_2 && !FENCED ->
       if
       :: !IS_THERE(CHILD) -> resume(w)
       :: else -> page[PARENT] = MAX(page[PARENT], BUFFERED); at[w] = HAS_PARENT
       fi
     }
  /* SaveCheckpoint of the complete archive looks for the root only, and for
   * pages of another start not at all. */
  :: atomic {
       WORKS && at[w] == HAS_PARENT && !is_checkpointed[w] ->
       if
       :: FENCED -> S4(lost_lease[w]); goto over
       :: !FENCED && (IS_STALE(w) || !IS_THERE(PARENT)) -> resume(w)
       :: else -> sync(); is_checkpointed[w] = true
       fi
     }
  /* CommitPublish too. */
  :: atomic {
       WORKS && is_checkpointed[w] ->
       if
       :: PUBLISH_FENCED -> S4(lost_lease[w])
       :: !PUBLISH_FENCED && !IS_THERE(PARENT) -> skip
       :: else ->
          sync();
          listed[w] = true;
          row[w] = ENDED;
          S1(IS_THERE(CHILD) && IS_THERE(PARENT))
       fi;
       goto over
     }
  :: atomic { WORKS -> row[w] = ENDED; goto over }
  /* A call that was refused, or that ran when index stopped: the stream is
   * resumed at its checkpoint. */
  :: atomic { WORKS && at[w] != IDLE && !is_checkpointed[w] -> resume(w) }
#ifdef EXPIRY
  :: atomic {
       !stopped && lease[w] == LIVE -> lease[w] = EXPIRED; lost_lease[w] = true
     }
  :: atomic {
       !stopped && lease[w] == EXPIRED && !FENCED ->
       lease[w] = LIVE;
#ifdef NO_FIXED_EPOCH
       session_epoch[w] = epoch;
       highest_epoch = MAX(highest_epoch, session_epoch[w])
#endif
     }
#endif
  od;
over:
  atomic { resume(w); is_checkpointed[w] = false };
  atomic { !stopped -> lease[w] = NO_LEASE }
}

/* --- the rest ----------------------------------------------------------- */

/* Any of what was not synced is lost, in any order: the code loses from the
 * end only. */
inline lose(p) {
  if
  :: page[p] == REMOVED || page[p] == BUFFERED -> page[p] = ABSENT
  :: page[p] == REMOVED || page[p] == BUFFERED -> page[p] = DURABLE
  :: page[p] == ABSENT || page[p] == DURABLE
  fi
}

proctype PowerCut() {
  do
  :: atomic {
       !stopped ->
       lose(CHILD);
       lose(PARENT);
       S1(!IS_LISTED || (IS_THERE(CHILD) && IS_THERE(PARENT)));
       is_stale[0] = (at[0] != IDLE);
       is_stale[1] = (at[1] != IDLE);
       touch[CHILD] = 0;
       touch[PARENT] = 0;
#ifndef NO_FLOOR
       touch_floor = highest_epoch;
#endif
       /* It ends the calls that run. */
       at[0] = (at[0] == TOUCHED || at[0] == TOUCHED_2 -> IDLE : at[0]);
       at[1] = (at[1] == TOUCHED || at[1] == TOUCHED_2 -> IDLE : at[1]);
       is_stale[0] = is_stale[0] && at[0] != IDLE;
       is_stale[1] = is_stale[1] && at[1] != IDLE
     }
  od
}

proctype Forget() {
  atomic { !stopped -> listed[2] = false; sync() }
}

init {
  atomic {
    page[CHILD] = DURABLE;
    page[PARENT] = DURABLE;
    listed[2] = true;
    run Forget();
    run Writer(0);
#if WRITERS > 1
    run Writer(1);
#endif
    run Sweeper(0);
#if SWEEPERS > 1
    run Sweeper(1);
#endif
#ifdef POWER_CUT
    run PowerCut();
#endif
    run QuietSweep()
  }
}
