"""What programs read: the fields of every document that `--json` prints, against which tests hold what is printed.

`?` stands behind a field that is there only where it has something to say, in brackets what each item of a list has;
`*` stands for whatever else there is.
"""

from collections.abc import Mapping, Sequence

_ACCOUNT = "target username sub"
_MANY = "target act items(player ok result) total left"
_PASSWORDS = "target act items(player ok result password?) total left"
_PLAYER = (
    "sub username email state position ahead eta_seconds eta_basis has_ticket created_at ticket_issued_at queued_at "
    "login_processed_at joined_at left_at blocked synthetic subject"
)
_STATS = (
    "queue intake line rate players servers eta_seconds eta_basis settled_at counting_behind_seconds last_change note "
    "door attention"
)
_STANDING = (
    "state line_state position ahead eta_seconds eta_basis poll_after_seconds admission_token? message? line_url?"
)
_COUNTED = (
    "synthetic line_version counted_from counted_to came_in waited_seconds longest_wait_seconds waits told "
    "told_waited_seconds told_error_seconds told_late told_errors overtaken "
    "overtaken_by_over_2s longest_overtaking_seconds"
)
_WHAT_IF = "target before after changed"

DOCUMENTS: Mapping[str, Sequence[str]] = {
    "deploy": (
        "target update changes parameters resources tags waiting in_game triggers ringing applied plan outputs? "
        "record?",
        "target items(name now default range means) total",
    ),
    "local up": ("target running pid url origins started",),
    "local down": ("target running stopped",),
    "local status": ("target pid? url? origins? running lives died folder",),
    "local reset": ("target running reset",),
    "local logs": ("target items total",),
    "play": (f"target ticket {_STANDING} sqs_length", f"target login_ticket login_status {_STANDING}"),
    "players list": (f"target items({_PLAYER}) total",),
    "players show": (f"target {_PLAYER} account history",),
    "players export": ("target file players",),
    "players admit": (_MANY,),
    "players remove": (_MANY,),
    "players reset": (_MANY,),
    "users create": (f"{_ACCOUNT} email password?",),
    "users list": ("target items(sub username email status enabled created_at) total",),
    "users show": ("target sub username email status enabled created_at",),
    "users import": ("target created there_already failed left",),
    "users reset-password": (f"{_ACCOUNT} password?", _PASSWORDS),
    "users confirm": (f"{_ACCOUNT} status",),
    "users disable": (f"{_ACCOUNT} enabled", _MANY),
    "users enable": (f"{_ACCOUNT} enabled", _MANY),
    "users delete": (f"{_ACCOUNT} deleted", _MANY),
    "queue stats": (f"target {_STATS}",),
    "queue watch": (f"target t {_STATS}",),
    "queue pause": ("target state changed",),
    "queue resume": ("target state changed",),
    "queue undo": ("target undone changed",),
    "queue rebuild": ("target tail reached waiting changed",),
    "queue reset": ("target forgotten",),
    "queue close": ("target state changed",),
    "queue open": ("target state changed",),
    "queue message": ("target message changed?",),
    "queue peek": ("target items(id sent_at received player synthetic) total",),
    "queue dlq": ("target items(id sent_at player why needed body) total",),
    "queue redrive": ("target put_back left",),
    "queue purge": ("target purged about",),
    "queue audit": (
        "target items(at who what subject before after id) total",
        "target items(sub username result) total act",
    ),
    "queue history": (
        "target items(at asked_per_second achieved_per_second arriving_per_second tail reached waiting in_game "
        f"departed no_shows holes intake eta_seconds {_COUNTED}) total",
        "target file minutes",
    ),
    "queue note": ("target note act",),
    "servers list": ("target session_reports items(server in_game last_heard silent fell two above key) total",),
    "servers add": ("target server url key old",),
    "servers rotate": ("target server url key old",),
    "servers revoke": ("target revoked old",),
    "servers forget": ("target forgotten left",),
    "rate show": (
        "target per_second burst steps by_plan_since max_per_second capacity admitted_per_second arriving_per_second "
        "gate_per_second",
    ),
    "rate set": ("target rate changed", _WHAT_IF),
    "rate ramp": ("target rate changed", _WHAT_IF),
    "rate clear": ("target rate changed", _WHAT_IF),
    "simulate": (
        "target players admitted no_shows expired players_per_cohort looks wait_seconds longest_line clear_seconds "
        "scores requests bill waiting admitted_per_second",
    ),
    "load run": (
        "target run players",
        "target run at seconds? players? done? admitted? troubles? wait_seconds? scores? calls_ms? rate_per_second? "
        "admitted_in_each_second?",
    ),
    "load clean": ("target deleted accounts forgotten stays",),
    "report": (
        "target since until minutes players longest_line most_in_game wait_seconds eta order refused faults cost acts "
        "acts_on_players over_time",
    ),
    "doctor": ("target healthy findings", "target run version began seconds proved steps put_back"),
    "status": (
        "target stack_status note version here bundle resources intake_trigger dead_letters front_door door attention "
        "healthy lock",
    ),
    "target": ("target stack place names ignored",),
    "logs": ("target at function level message *",),
    "keys show": ("target keys rotated_at signs",),
    "keys rotate": ("target signs signed",),
    "token issue": ("target sub admission_token expires_at",),
    "token verify": ("target valid claims",),
    "deployments": ("target items(id of at who version commit template code parameters row_format kept_from) total",),
    "rollback": ("target from to dropped",),
    "lock": ("target lock",),
    "unlock": ("target lifted",),
    "destroy": ("target kept detached artifact_bucket",),
    "guide": ("target items(topic title) total", "target topic text"),
    "completion": ("target shell script",),
    "client": ("target language file version changed",),
}
"""What is called -> its documents, of which each time it prints one."""
NOWHERE = ("simulate", "guide", "completion", "client")
"""Those that are about no target: it is null."""
