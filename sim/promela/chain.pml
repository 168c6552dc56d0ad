/*
 * One refresh-token chain, its authorization server, and the keeper that holds it: the independent check.
 *
 * This model was written from the design and the facts alone, not from the kernel's source, so that an error of
 * thought in the kernel is not repeated here. `check.ts` runs it cell by cell; README.md says what is left out.
 *
 * Rules of the model:
 *
 *  1. A token is a serial 0, 1, 2 ..; a set of tokens is a bit mask. `acc` is the set that the remote accepts now.
 *  2. Every request is a process of its own (`exchange`). It arrives whenever the scheduler lets it, so requests
 *     overtake each other freely. The remote decides in one indivisible step.
 *  3. Time is not counted. What takes time (a lease that runs out, a grace window that closes, a deadline) may
 *     happen at any moment. What the keeper waits for is a guard over what waiting guarantees: `quiet` says that no
 *     request is in flight and no living process has an unread or unjournaled answer. A keeper that waits longer
 *     than a request's life plus the longest pause has exactly that guarantee (timing assumption T1).
 *  4. The margin check and the first byte are one step: no pause between them outlasts the lease (assumption T2;
 *     the mutant `pauseAfterCheck` lifts it).
 *  5. A dead process frees its lease at once. That is the earliest moment a takeover can happen, hence the worst.
 *  6. Faults strike at most BUDGET times and only in rounds before the last. The last round is clean: a living chain
 *     must get through it, else the run ends `stuck`.
 *  7. The verdict is taken when nothing can move any more. The chain is lost when the remote accepts no token that is
 *     durable with us. The loss was avoidable when
 *       a. the remote accepts a token that once was ours (`had`): it was thrown away; or
 *       b. the remote revoked the chain because of a request of ours (`guilty`) while it accepted a token that we had
 *          or that was on its way to a living process; or
 *       c. the keeper gave the chain up although the remote accepts a token that it holds.
 *     One thing is not held against the keeper: the remote took back a refusal (`takenBack`) that was true and the last
 *     that could be asked for, by forgetting after it. A remote that forgets after the giving up is not modelled.
 *     A copy that the network made of our newest request is not a request of ours.
 *  8. A token counts as ours (`had`) once a living process read it and came as far as one more step. A crash right
 *     after the read is the one crash that no protocol survives without help from outside the process. A machine
 *     that is lost takes with it all that had not reached the store.
 *
 * The remote, by policy:
 *
 *     reusable      never rotates.
 *     handshake     a superseded token is open until its successor is used and gets the SAME successor; replay kills
 *                   the chain, but spares a token that died while the request was under way (sparing >= its life).
 *     activation    a superseded token is open until its successor is used and gets a NEW one, which displaces the
 *                   unused sibling; replay is only refused. No least interval: that only takes behaviour away.
 *     refuse        single use; replay is only refused.
 *     family        single use; replay kills the chain, with no sparing.
 *     graceInTime   as handshake without sparing; the window does not close before the keeper has recovered.
 *     graceTooLate  the same window, which may close at any moment.
 */

/* Policies. */
#define reusable     0
#define handshake    1
#define activation   2
#define refuse       3
#define family       4
#define graceInTime  5
#define graceTooLate 6

/* Protocols. */
#define naive 0
#define lock  1
#define ttl   2
#define cas   3
#define keten 4

/* Faults. */
#define none               0
#define requestLost        1
#define answerLost         2
#define answerLate         3
#define requestDelayed     4
#define requestDuplicated  5
#define crashBeforeIntent  6
#define crashBeforeSend    7
#define crashAfterSend     8
#define crashBeforeJournal 9
#define crashBeforeCommit  10
#define commitFails        11
#define commitUnknown      12
#define pausedHolder       13
#define machineLost        14
#define serverErrorBefore  15
#define serverErrorAfter   16
#define notSent            17
#define remoteForgets      18
#define duplicateOvertakes 19
#define anyFault           20

/* Deliberate mistakes in the keeper. */
#define faithful             0
#define commitBeforeJournal  1
#define dropInsteadOfPark    2
#define resendAtOnce         3
#define noLease              4
#define forgetPredecessor    5
#define believeFirstRefusal  6
#define abandonLateAnswer    7
#define journalUnread        8
#define pauseAfterCheck      9
#define unknownIsFailure     10

#ifndef PROTOCOL
#define PROTOCOL keten
#endif
#ifndef WORKERS
#define WORKERS 2
#endif
#ifndef ROUNDS
#if PROTOCOL == keten
#define ROUNDS 3
#else
#define ROUNDS 2
#endif
#endif
#ifndef BUDGET
#define BUDGET 1
#endif
#ifndef MUTANT
#define MUTANT faithful
#endif

/* A process without any lock lets two of its own callers refresh at once; every other one refreshes once at a time. */
#if PROTOCOL == naive
#define TASKS 2
#else
#define TASKS WORKERS
#endif
#define processOf(w) ((WORKERS == 1) -> 0 : (w))

#define SENDS 12
#define TOKENS 14
#ifndef TRIES
#define TRIES ((TASKS == 1) -> 3 : 2)
#endif
#define EPOCHS 60
#define NOBODY 255
#define REFUSED 200
#define FAILED 201

#define one(t) (1 << (t))

/* How far an exchange got. The order matters: FLYING .. READ is what `quiet` waits for. */
#define UNUSED    0
#define RECORDED  1
#define FLYING    2
#define ANSWERED  3
#define READ      4
#define JOURNALED 5
#define CLOSED    6
#define GONE      7

typedef Exchange {
  byte token;     /* presented */
  byte owner;     /* the task that sent it */
  byte at;
  byte answer;    /* a serial, REFUSED or FAILED */
  byte version;   /* of the store when the token was read (cas) */
  bool late;      /* the deadline passes although something may still come */
  bool orphan;    /* its process died while the request was in flight */
  bool dropped;   /* a plain protocol closed the socket at the deadline */
  bool openAtSend;
  bool journaled; /* durable on this machine, keyed by attempt */
  bool settled    /* the store has dealt with this attempt */
}

/* What is drawn before a run. check.ts compiles once and sets them by environment; -DPOLICY and -DFAULT fix them. */
byte policy;
byte fault;
byte budget = BUDGET;

/* The remote. */
short acc = 1;
byte leaf = 0;
byte last = 0;
short unknown = 0;  /* issued, then forgotten: refused, but no replay */
bool canForget = false;
short accWas;
byte leafWas;

/* The network. */
Exchange x[SENDS];
byte sends = 0;       /* recorded attempts; the newest is sends - 1 */
byte copies = 0;
byte copyToken = 0;

/* The store, durable. */
byte current = 0;
short predecessor = 0; /* a set of at most one */
short parked = 0;
short spent = 0;       /* presented, and their successor was committed */
short tried = 0;       /* refused since the last commit */
byte version = 0;
byte gen = 0;
bool givenUp = false;
byte inMemory = NOBODY; /* what was presented for the commit whose acknowledgement was lost */
byte lease = NOBODY;
byte epoch = 0;

/* Tasks, time, ghosts. */
bool kill[TASKS];
byte round = 1;
short had = 1;
short hadInStore = 1;
bool guilty = false;
bool takenBack = false;
short refused = 0; /* by the remote since it last granted, and not yet outdated by the refusal of a newer token */

/* Scratch for indivisible steps; never part of a state. */
hidden byte i;
hidden byte chosen;
hidden byte given;
hidden byte wasOpen;
hidden short reachable;
hidden short durable;

#define overlaps (policy == handshake || policy == activation || policy == graceInTime || policy == graceTooLate)
#define revokes (policy == family || policy == handshake || policy == graceInTime || policy == graceTooLate)
#define can(f) ((fault == f || fault == anyFault) && budget > 0 && round < ROUNDS)

#define busy(s) (x[s].at >= FLYING && x[s].at <= READ)
#define ofAnother(s) (busy(s) && x[s].token != current)
#define unmerged(s) (x[s].journaled && !x[s].settled)
#define anyOf(p) (p(0) || p(1) || p(2) || p(3) || p(4) || p(5) || p(6) || p(7) || p(8) || p(9) || p(10) || p(11))
#define mayBring(s) (x[s].at == FLYING || ((x[s].at == ANSWERED || x[s].at == READ) && x[s].answer < TOKENS))
#define quiet (copies == 0 && !anyOf(busy))
/* The order matters: first every holder has answered or died, then the journals are read, only then is it believed
 * that nothing more is at hand. */
#if MUTANT == journalUnread
#define allAsked quiet
#else
#define allAsked (quiet && !anyOf(unmerged))
#endif
#define onlyCurrentInFlight (!anyOf(ofAnother) && (copies == 0 || copyToken == current))
#define untried ((one(current) | (parked & ~spent)) & ~tried)

/* When the keeper of a chain may take a turn (DESIGN 2.2, facts 3.1): where the overlap or a mere refusal makes a
 * second request harmless, at once; inside a grace window, at once for the same generation, but the next one only when
 * requests of an earlier one must be dead; where replay kills, only when every holder answered or died. */
#if MUTANT == resendAtOnce
#define mayStart (untried || anyOf(unmerged) || quiet)
#else
#define mayStart ( \
  (policy == family || policy == graceTooLate) -> quiet : ( \
  (policy == graceInTime) -> (quiet || ((untried & one(current)) && onlyCurrentInFlight)) : \
  (untried || anyOf(unmerged) || quiet)))
#endif

/* ---- The remote ---- */

inline issue(shown) {
  accWas = acc;
  leafWas = leaf;
  canForget = true;
  last++;
  assert(last < TOKENS);
  leaf = last;
  if
  :: overlaps -> acc = one(shown) | one(last)
  :: else -> acc = one(last)
  fi
}

/* A replay kills the chain. It is our fault if the remote accepted something that we had or were about to read, and the
 * request was ours: an original, or a copy that we overtook with a later request where waiting would have spared us. */
inline revoke(s, isCopy) {
  reachable = had;
  for (i : 0 .. SENDS - 1) {
    if
    :: (x[i].at == ANSWERED || x[i].at == READ) && x[i].answer < TOKENS -> reachable = reachable | one(x[i].answer)
    :: else
    fi
  };
  i = 0;
  if
  :: (acc & reachable) && (!isCopy || ((policy == handshake || policy == graceInTime) && sends > s + 1)) -> guilty = true
  :: else
  fi;
  acc = 0
}

/* Presents a token for exchange s; the answer is left in `chosen`. */
inline present(s, shown, spared, isCopy) {
  if
  :: policy == reusable -> chosen = shown
  :: policy != reusable && !(acc & one(shown)) ->
    if
    :: revokes && acc && !(unknown & one(shown)) && !(policy == handshake && spared) -> revoke(s, isCopy)
    :: else
    fi;
    chosen = REFUSED
  :: policy != reusable && (acc & one(shown)) ->
    if
    :: shown == leaf || policy == activation -> issue(shown)
    :: else
    fi;
    chosen = leaf
  fi
}

inline answerTo(s) {
  given = x[s].token;
  wasOpen = x[s].openAtSend;
  present(s, given, wasOpen, false);
  if
  :: chosen == REFUSED -> refused = (refused | one(given)) & ~(one(given) - 1)
  :: else -> refused = 0
  fi
}

/* ---- Death of processes ---- */

/* Process p dies: memory and sockets go, journal and store stay, requests in flight fly on. */
inline die(p) {
  for (i : 0 .. SENDS - 1) {
    if
    :: x[i].at != UNUSED && processOf(x[i].owner) == p ->
      if
      :: x[i].at == FLYING -> x[i].orphan = true
      :: x[i].at == RECORDED || x[i].at == ANSWERED || x[i].at == READ -> x[i].at = GONE
      :: x[i].at == JOURNALED -> x[i].at = CLOSED
      :: else
      fi
    :: else
    fi
  };
  i = 0;
  for (i : 0 .. TASKS - 1) {
    if
    :: processOf(i) == p ->
      kill[i] = true;
      if
      :: lease == i -> lease = NOBODY
      :: else
      fi
    :: else
    fi
  };
  i = 0
}

/* The process of task w dies here by fault f, instead of taking its next step. */
inline dies(f, where, w) {
  d_step { can(f) && (where) -> budget--; die(processOf(w)) }
}

/* Nothing of this exchange is needed any more; what is forgotten here keeps the state space small. */
inline finish(s, how) {
  x[s].at = how;
  x[s].token = 0;
  x[s].answer = 0;
  x[s].version = 0;
  x[s].late = false;
  x[s].orphan = false;
  x[s].dropped = false;
  x[s].openAtSend = false
}

/* ---- The store ---- */

/* One transaction: settles attempt s with its successor. The newest recorded attempt commits, any other is parked. */
inline settle(s) {
  if
  :: x[s].settled
  :: else ->
    x[s].settled = true;
    if
    :: s == sends - 1 ->
      spent = spent | one(x[s].token);
#if MUTANT != forgetPredecessor
      predecessor = one(x[s].token);
#endif
      current = x[s].answer;
      tried = 0;
      gen = round;
      hadInStore = hadInStore | one(x[s].answer)
    :: else ->
#if MUTANT == dropInsteadOfPark
      x[s].journaled = false
#else
      parked = parked | one(x[s].answer);
      hadInStore = hadInStore | one(x[s].answer)
#endif
    fi
  fi
}

/* Settles what the journals of this machine have and the store has not. */
inline reconcile() {
#if MUTANT != journalUnread
  for (i : 0 .. SENDS - 1) {
    if
    :: unmerged(i) ->
      settle(i);
      if
      :: x[i].at == CLOSED -> x[i].journaled = false; finish(i, CLOSED)
      :: else
      fi
    :: else
    fi
  };
#endif
  i = 0
}

/* ---- An exchange: request, remote, answer, and what the keeper does with it ---- */

/* The network's copy of a request: the remote decides, and the answer goes nowhere. */
proctype copy(byte s; byte token; bool openAtSend) {
  d_step { present(s, token, openAtSend, true); copies--; chosen = 0; s = 0; token = 0; openAtSend = false }
}

proctype exchange(byte s) {
  /* In flight: the sender may die before the request arrives. */
  do
  :: dies(crashAfterSend, !x[s].orphan, x[s].owner)
  :: atomic {
      if
      :: can(serverErrorBefore) -> budget--; x[s].answer = FAILED
      :: can(serverErrorAfter) -> d_step { answerTo(s); x[s].answer = FAILED; budget-- }
      :: true -> d_step { answerTo(s); x[s].answer = chosen; chosen = 0 }
      fi;
      if
      :: x[s].orphan -> x[s].at = GONE
      :: !x[s].orphan && can(answerLost) -> budget--; x[s].at = GONE
      :: !x[s].orphan && can(answerLate) -> budget--; x[s].at = ANSWERED; x[s].late = true
      :: !x[s].orphan && can(requestDuplicated) ->
        budget--;
        x[s].at = ANSWERED;
        copies++;
        copyToken = x[s].token;
        run copy(s, x[s].token, x[s].openAtSend)
      :: !x[s].orphan -> x[s].at = ANSWERED
      fi;
      break
    }
  od;
  /* In the socket. An error answer has nothing to save: a server's error leaves the attempt in doubt, a refusal is
   * evidence and goes to the store. */
  if
  :: dies(crashAfterSend, x[s].at == ANSWERED, x[s].owner)
  :: d_step { x[s].at == ANSWERED && x[s].answer < TOKENS -> x[s].at = READ }
  :: d_step { x[s].at == ANSWERED && x[s].answer >= TOKENS ->
      if
      :: x[s].answer == REFUSED && PROTOCOL == keten ->
        if
        :: s == sends - 1 ->
          /* It says nothing about older tokens any more: if the remote forgot this one, its parent works again. */
          tried = (tried | one(x[s].token)) & ~(one(x[s].token) - 1)
        :: else
        fi;
        x[s].settled = true;
        x[s].at = CLOSED
      :: else -> x[s].at = GONE
      fi
    }
  :: x[s].at == GONE
  fi;
#if PROTOCOL == keten && MUTANT != commitBeforeJournal
  /* In memory. Order 5: the raw answer is durable on this machine before anything else happens to it. */
  if
  :: dies(crashBeforeJournal, x[s].at == READ, x[s].owner)
  :: d_step { x[s].at == READ ->
      had = had | one(x[s].answer);
#if MUTANT == abandonLateAnswer
      if
      :: x[s].dropped -> x[s].at = CLOSED
      :: else -> x[s].journaled = true; x[s].at = JOURNALED
      fi
#else
      x[s].journaled = true;
      x[s].at = JOURNALED
#endif
    }
  :: x[s].at > JOURNALED
  fi;
  /* In the journal. Order 6: a commit that fails leaves the answer there; an unknown one is read back by attempt. */
  if
  :: dies(crashBeforeCommit, x[s].at == JOURNALED, x[s].owner)
  :: d_step { x[s].at == JOURNALED && can(commitFails) -> budget--; x[s].at = CLOSED }
  :: d_step { x[s].at == JOURNALED && can(commitUnknown) ->
      budget--;
      settle(s);
      inMemory = x[s].token;
      x[s].at = CLOSED
    }
  :: d_step { x[s].at == JOURNALED -> settle(s); x[s].at = CLOSED }
  :: x[s].at > JOURNALED
  fi;
#else
  /* In memory, and no journal before the store: a crash right after the read takes what nobody could keep, but one
   * before the commit takes a token that a journal would have kept. */
  if
  :: dies(crashBeforeJournal, x[s].at == READ, x[s].owner)
  :: d_step { can(crashBeforeCommit) && x[s].at == READ ->
      budget--;
      had = had | one(x[s].answer);
      die(processOf(x[s].owner))
    }
  :: d_step { x[s].at == READ && (x[s].dropped || can(commitFails)) ->
      had = had | one(x[s].answer);
      if
      :: x[s].dropped
      :: else -> budget--
      fi;
      x[s].at = CLOSED
    }
  :: d_step { x[s].at == READ && !x[s].dropped ->
      had = had | one(x[s].answer);
#if PROTOCOL == keten
      x[s].journaled = true;
      settle(s);
#else
      if
      :: PROTOCOL == cas && version != x[s].version
      :: else ->
        current = x[s].answer;
        version++;
        gen = round;
        hadInStore = hadInStore | one(x[s].answer)
      fi;
#endif
      x[s].at = CLOSED
    }
  /* Applied, and the acknowledgement lost: a plain protocol reads its store again before the next refresh. */
  :: x[s].at > JOURNALED
  fi;
#endif
  d_step {
    if
    :: unmerged(s)
    :: else -> x[s].journaled = false; finish(s, CLOSED)
    fi;
    s = 0
  }
}

/* The bytes leave, or provably do not, or are lost at once; a copy may run ahead of its original. */
inline send(s) {
  if
  :: can(notSent) -> d_step { budget--; x[s].settled = true; finish(s, CLOSED) }
  :: can(requestLost) -> d_step { budget--; finish(s, GONE) }
  :: true ->
    d_step {
      x[s].at = FLYING;
      x[s].openAtSend = ((acc & one(x[s].token)) != 0)
    };
    if
    :: can(requestDelayed) -> budget--; x[s].late = true
    :: can(duplicateOvertakes) -> budget--; copies++; copyToken = x[s].token; run copy(s, x[s].token, x[s].openAtSend)
    :: true
    fi;
    run exchange(s)
  fi
}

#define finished(s) (x[s].at == CLOSED || x[s].at == GONE || x[s].late)

/* ---- The keeper ---- */

#if PROTOCOL == keten

#if MUTANT == unknownIsFailure
#define due (inMemory != NOBODY || (!givenUp && gen < round))
#else
#define due (!givenUp && gen < round)
#endif

#if MUTANT == noLease
#define leaseFree true
#define leaseMine true
#else
#define leaseFree (lease == NOBODY)
#define leaseMine (lease == w && epoch == mine)
#endif

/* Which token a turn presents, or NOBODY. The wait is judged again: a late answer may have been committed since the
 * turn began. The predecessor comes last and only when nothing else can still arrive. */
inline choose() {
  chosen = NOBODY;
  if
#if MUTANT == unknownIsFailure
  :: inMemory != NOBODY -> chosen = inMemory; inMemory = NOBODY
  :: inMemory == NOBODY && (givenUp || gen >= round || !mayStart)
#else
  :: givenUp || gen >= round || !mayStart
#endif
  :: else ->
    if
    :: untried & one(current) -> chosen = current
    :: else ->
#if MUTANT == believeFirstRefusal
      givenUp = true
#else
      if
      :: untried ->
        for (i : 0 .. TOKENS - 1) {
          if
          :: untried & one(i) -> chosen = i
          :: else
          fi
        };
        i = 0
      :: else ->
        if
        :: allAsked && (predecessor & ~tried) ->
          for (i : 0 .. TOKENS - 1) {
            if
            :: predecessor & one(i) -> chosen = i
            :: else
            fi
          };
          i = 0
        :: allAsked && !(predecessor & ~tried) -> givenUp = true
        :: else
        fi
      fi
#endif
    fi
  fi
}

proctype task(byte w) {
  byte mine;
  byte s;
#if MUTANT == pauseAfterCheck
  bool sure;
#else
#define sure leaseMine
#endif
again:
  {
end_idle:
    do
    :: atomic {
        /* Order 1: the lease, and the wait that the policy asks for. */
        due && leaseFree && mayStart ->
        lease = w;
        epoch++;
        mine = epoch;
        assert(epoch < EPOCHS)
      };
      if
      :: dies(crashBeforeIntent, true, w)
      :: d_step {
          if
          :: leaseMine -> reconcile()
          :: else
          fi
        }
      fi;
      /* Order 2: the choice and the durable intent, one transaction that the epoch guards. */
      d_step {
        s = NOBODY;
        chosen = NOBODY;
        if
        :: leaseMine -> choose()
        :: else
        fi;
        if
        :: chosen != NOBODY ->
          assert(sends < SENDS);
          s = sends;
          x[s].token = chosen;
          x[s].owner = w;
          x[s].at = RECORDED;
          sends++
        :: else
        fi;
        chosen = 0
      };
      if
      :: s != NOBODY ->
#if MUTANT == pauseAfterCheck
        d_step { sure = leaseMine };
#endif
        /* Orders 3 and 4: the margin is checked right before the one POST. */
        if
        :: dies(crashBeforeSend, true, w)
        :: atomic { sure -> send(s) }
        :: d_step { !sure -> x[s].settled = true; finish(s, CLOSED) }
        fi;
        d_step {
          finished(s) ->
#if MUTANT == abandonLateAnswer
          x[s].dropped = (x[s].at < CLOSED)
#endif
        }
      :: else
      fi;
      d_step {
        if
        :: lease == w && epoch == mine -> lease = NOBODY
        :: else
        fi;
        s = 0;
        mine = 0
      }
    od
  } unless { kill[w] };
  d_step { kill[w] = false; s = 0; mine = 0 };
  goto again
}

#else /* The plain protocols. */

#if PROTOCOL == ttl || PROTOCOL == cas
#define lockFree (lease == NOBODY)
#else
#define lockFree true
#endif

byte tries[TASKS];

proctype task(byte w) {
  byte token;
  byte seen;
  byte s;
again:
  {
end_idle:
    do
    :: atomic {
        gen < round && lockFree && tries[w] < TRIES ->
        tries[w]++;
#if PROTOCOL == ttl || PROTOCOL == cas
        lease = w
#endif
      };
      if
      :: dies(crashBeforeIntent, true, w)
      :: d_step { token = current; seen = version }
      fi;
      if
      :: dies(crashBeforeSend, gen < round, w)
      :: atomic { gen < round ->
          assert(sends < SENDS);
          s = sends;
          sends++;
          x[s].token = token;
          x[s].owner = w;
          x[s].version = seen;
          send(s)
        };
        d_step { finished(s) -> x[s].dropped = (x[s].at < CLOSED) }
      :: gen >= round
      fi;
      d_step {
        if
        :: lease == w -> lease = NOBODY
        :: else
        fi;
        s = 0;
        token = 0;
        seen = 0
      }
    od
  } unless { kill[w] };
  d_step { kill[w] = false; s = 0; token = 0; seen = 0 };
  goto again
}

#endif

/* ---- Time and the faults that strike by themselves ---- */

proctype world() {
end_world:
  do
  /* The next access token runs out. */
  :: gen == round && round < ROUNDS -> round++
  :: d_step { policy == graceTooLate && (acc & ~one(leaf)) -> acc = acc & one(leaf) }
  /* The holder is paused, and its lease runs out under it. */
  :: d_step { can(pausedHolder) && lease != NOBODY -> budget--; lease = NOBODY }
  :: d_step { can(remoteForgets) && canForget && acc && !givenUp ->
      budget--;
      if
      :: !anyOf(mayBring) && !(acc & had) && !(accWas & had & ~refused) -> takenBack = true
      :: else
      fi;
      unknown = unknown | one(leaf);
      acc = accWas;
      leaf = leafWas;
      canForget = false
    }
  /* Every process and every journal of the machine goes; the store is elsewhere, and a new machine takes over. */
  :: d_step { can(machineLost) ->
      budget--;
      die(0);
      if
      :: WORKERS == 2 -> die(1)
      :: else
      fi;
      for (i : 0 .. SENDS - 1) {
        x[i].journaled = false
      };
      i = 0;
      had = hadInStore
    }
  od
}

/* ---- The verdict, when nothing can move any more ---- */

init {
  byte w;
  atomic {
#ifdef POLICY
    policy = POLICY;
    fault = FAULT;
#else
    c_code {
      now.policy = atoi(getenv("POLICY"));
      now.fault = atoi(getenv("FAULT"));
    };
#endif
    run world();
    for (w : 0 .. TASKS - 1) {
      run task(w)
    }
    w = 0
  };
  timeout ->
  d_step {
    durable = one(current) | predecessor | parked;
    for (i : 0 .. SENDS - 1) {
      if
      :: x[i].journaled -> durable = durable | one(x[i].answer)
      :: else
      fi
    };
    i = 0;
    if
    :: givenUp && takenBack && !guilty -> printf("VERDICT unavoidable\n")
    :: !(givenUp && takenBack && !guilty) ->
      if
      :: (acc & durable) == 0 && (guilty || (acc & had)) -> printf("VERDICT avoidable\n"); w = 1
      :: (acc & durable) == 0 && !(guilty || (acc & had)) -> printf("VERDICT unavoidable\n")
      :: (acc & durable) != 0 && givenUp -> printf("VERDICT avoidable\n"); w = 1
      :: (acc & durable) != 0 && !givenUp && PROTOCOL == keten && gen < ROUNDS -> printf("VERDICT stuck\n"); w = 1
      :: else -> printf("VERDICT safe\n")
      fi
    fi
  };
#ifdef TRAIL
  assert(w == 0);
#endif
end_verdict:
  false
}
