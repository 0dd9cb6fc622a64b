/* Page rows in index (design 8: "page rows in index drop by the same rule"),
 * for spin. What is different from the records of chunk_storage: pages form
 * trees, a row is buffered until the next synced batch and a power cut loses
 * batches from the end only, and nobody outside of index need notice that it
 * has restarted. README.md says what stands for what.
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
#define BUFFERED 1
#define DURABLE 2
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

/* A synced batch makes all durable that was put before it. */
inline sync() {
  page[CHILD] = (page[CHILD] == BUFFERED -> DURABLE : page[CHILD]);
  page[PARENT] = (page[PARENT] == BUFFERED -> DURABLE : page[PARENT])
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
/* A page goes before those that it names. */
#ifdef NO_PARENT_FIRST
#define ORDER_HOLDS(p) true
#else
#define ORDER_HOLDS(p) ((p) == PARENT || page[PARENT] == ABSENT)
#endif
#define MAY_DROP(p) \
  (page[p] != ABSENT && !is_marked && TOKEN_HOLDS && touch[p] < cut && \
   touch_floor < cut && ORDER_HOLDS(p))

inline drop(p) {
  sync();
  page[p] = ABSENT;
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
    S3(IS_LISTED || (page[CHILD] == ABSENT && page[PARENT] == ABSENT))
  }
}

/* --- a backup session --------------------------------------------------- */

#define FENCED (session_epoch[w] < fence)
#define WORKS (!stopped && row[w] == OPEN)

/* Where a session is; a power cut ends the call that runs. */
#define IDLE 0       /* nothing put since the last resume */
#define TOUCHED 1    /* the child was touched, in the middle of its put */
#define HAS_CHILD 2  /* its put was answered */
#define TOUCHED_2 3
#define HAS_PARENT 4
byte at[2];

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
       :: page[CHILD] == ABSENT -> at[w] = IDLE
       :: else -> page[PARENT] = MAX(page[PARENT], BUFFERED); at[w] = HAS_PARENT
       fi
     }
  /* SaveCheckpoint of the complete archive looks for the root only. */
  :: atomic {
       WORKS && at[w] == HAS_PARENT && !is_checkpointed[w] ->
       if
       :: FENCED -> S4(lost_lease[w]); goto over
       :: !FENCED && page[PARENT] == ABSENT -> at[w] = IDLE
       :: else -> sync(); is_checkpointed[w] = true
       fi
     }
  /* CommitPublish too. */
  :: atomic {
       WORKS && is_checkpointed[w] ->
       if
       :: PUBLISH_FENCED -> S4(lost_lease[w])
       :: !PUBLISH_FENCED && page[PARENT] == ABSENT -> skip
       :: else ->
          sync();
          listed[w] = true;
          row[w] = ENDED;
          S1(page[CHILD] != ABSENT && page[PARENT] != ABSENT)
       fi;
       goto over
     }
  :: atomic { WORKS -> row[w] = ENDED; goto over }
  /* A call that was refused, or that ran when index stopped: the stream is
   * resumed at its checkpoint. */
  :: atomic { WORKS && at[w] != IDLE && !is_checkpointed[w] -> at[w] = IDLE }
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
  atomic { at[w] = IDLE; is_checkpointed[w] = false };
  atomic { !stopped -> lease[w] = NO_LEASE }
}

/* --- the rest ----------------------------------------------------------- */

/* Batches are lost from the end: never a child alone that was put before its
 * parent. */
proctype PowerCut() {
  do
  :: atomic {
       !stopped ->
       if
       :: page[PARENT] == BUFFERED ->
          page[PARENT] = ABSENT;
          if
          :: page[CHILD] == BUFFERED -> page[CHILD] = ABSENT
          :: true -> sync()
          fi
       :: page[PARENT] != BUFFERED && page[CHILD] == BUFFERED ->
          page[CHILD] = ABSENT
       :: true -> sync()
       fi;
       S1(!IS_LISTED || (page[CHILD] != ABSENT && page[PARENT] != ABSENT));
       touch[CHILD] = 0;
       touch[PARENT] = 0;
#ifndef NO_FLOOR
       touch_floor = highest_epoch;
#endif
       at[0] = (at[0] == TOUCHED || at[0] == TOUCHED_2 -> IDLE : at[0]);
       at[1] = (at[1] == TOUCHED || at[1] == TOUCHED_2 -> IDLE : at[1])
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
