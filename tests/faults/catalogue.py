"""The fault catalogue: what can go wrong around a call, how the tests bring it about, and what has to come of it.

A test names the rows that it shows: `@pytest.mark.fault("U01")`. `make faults` runs them and prints this table with
what came out; tests/house/test_fault_catalogue.py holds that no row is without a test and no test without a row.
Families: U the provider's connection and status, S its stream, B Bedrock's event stream, D the ledger, K keys and
configuration, L the life of an environment, R what a caller sends, A who may do what, P what must stay private, C money
and limits, X what is deployed, I10 egress. Ids are never used again, so some numbers are missing.
"""

from dataclasses import dataclass

NO_CACHE = "no cache yet"


@dataclass(frozen=True, slots=True)
class Fault:
    """One row. `done` says how the fault is injected, and where every case there is, is gone through.

    `reason`: why it has no test; None where it has one.
    """

    id: str
    fault: str
    done: str
    expected: str
    reason: str | None = None


PROVIDER = (
    Fault("U01", "nobody listens", "a closed port", "next target, else 502; nothing is charged"),
    Fault("U02", "no such name", "a name of `.invalid`; a slow or failing resolver", "as U01, in time"),
    Fault("U03", "TLS without proof", "unknown issuer, expired, other name, TLS 1.1, plain text", "502"),
    Fault("U04", "lost before the answer", "reset and closed at every byte of the head", "one retry, booked"),
    Fault("U05", "a head that does not come", "silence; one byte at a time", "504 after one timeout"),
    Fault("U06", "a key that was replaced", "401 to the old key", "read again, one retry; else 502"),
    Fault("U07", "429 that says when", "as number, date, milliseconds", "waits if it fits, else relays"),
    Fault("U08", "429 that says nothing", "429 always, without the header", "jittered, budgeted retries"),
    Fault("U09", "Retry-After without sense", "1e9, -5, NaN, inf, twice, a past date", "ignored; no long wait"),
    Fault("U10", "one failure, then good", "500, 502, 503, 504, 529 once", "200; both on the record"),
    Fault("U11", "all providers down", "503 from every target", "503, retry-after, no charge"),
    Fault("U12", "a request that is refused", "400, 403, 404, 413, 422", "relayed, one attempt, no charge"),
    Fault("U13", "no stream where one was asked for", "JSON, HTML, nothing, 204", "502"),
    Fault("U14", "a redirect", "301 to 308, elsewhere, to a file, to metadata", "502; nobody is called"),
    Fault("U15", "compression unasked for", "gzip, deflate, br, twice, bomb, cut", "read in bounds, or 502"),
    Fault("U16", "malformed HTTP", "two lengths, short, long, bad chunks, giant head", "502 or an honest cut"),
    Fault("U17", "a storm of retries", "100 callers, 16 environments, 10 s of 503", "at most 1.2 tries a call"),
    Fault("U18", "a kept connection that died", "closed between two calls", "replaced in silence"),
)
STREAM = (
    Fault("S01", "silence at first", "a head, then nothing", "no byte sent; 504 or next target in time"),
    Fault("S02", "silence inside a stream", "some events, then nothing", "one error at the idle timeout"),
    Fault("S03", "lost inside a stream", "reset at every byte", "whole events, one error, counted usage"),
    Fault("S04", "clean close without an end", "closed at every byte", "as S03"),
    Fault("S05", "an end without [DONE]", "closed behind the finish reason", "complete, unless strict_done"),
    Fault("S06", "HTTP chunks that are cut", "a chunk, its end or the last one missing", "as S03"),
    Fault("S07", "an event that is no JSON", "cut JSON in one event", "passes, or one error"),
    Fault("S08", "any cut of the network", "every byte for itself; every pair of cuts", "the same bytes"),
    Fault("S09", "cut characters", "emoji, joiners, U+2028, every pair of cuts", "the same text"),
    Fault("S10", "bytes that are no text", "bad UTF-8, overlong, lone surrogates", "passes, or one error"),
    Fault("S11", "line ends", "LF, CR, CRLF, mixed, cut anywhere", "the same bytes"),
    Fault("S12", "a byte order mark", "at the start, later, cut anywhere", "passes; hides nothing"),
    Fault("S13", "comments", "between events and inside them, cut anywhere", "ignored"),
    Fault("S14", "odd fields", "data in lines, without colon, NUL, unknown", "as the standard says"),
    Fault("S15", "a giant event", "10 and 15.9 MB; endless", "passes below the cap; bounded memory"),
    Fault("S16", "an error event", "first, and inside the stream", "a status, or the last event"),
    Fault("S17", "more behind the end", "text, [DONE] again, comments", "nothing follows the first [DONE]"),
    Fault("S18", "odd usage", "none, negative, float, 2^63, several", "the last good one, else counted"),
    Fault("S19", "a slow reader", "a caller that stops reading", "less than 1 MB ahead"),
    Fault("S20", "very many events", "100,000 of them", "all, in order, counted"),
)
BEDROCK = (
    Fault("B01", "an exception inside a stream", "each of the six", "one error, its own code"),
    Fault("B02", "an exception as the first frame", "each of the six, under 200", "a real status"),
    Fault("B03", "damaged frames", "every bit of a stream flipped", "no damaged byte passes; one error"),
    Fault("B04", "cut frames", "at every byte; lengths that lie; 24 MB and 1", "as S03"),
    Fault("B05", "frames nobody knows", "new events, empty ones, junk", "skipped"),
    Fault("B06", "refused credentials", "throttled, expired, bad signature", "mapped; ours to mend"),
)
KEYS = (
    Fault("K01", "no Secrets Manager at the start", "refused, slow, failing", "503 within 3 s"),
    Fault("K02", "no Secrets Manager later", "an outage", "the last good key, up to its limit"),
    Fault("K03", "a useless secret", "missing, denied, malformed", "503 that names its id alone"),
    Fault("K04", "a key replaced while in use", "rotated between two calls", "the new one from then on"),
    Fault("K05", "a bad configuration", "pushed into the table", "the last good one stays, and an alarm"),
)
LIFE = (
    Fault("L01", "a caller who leaves", "hangs up; never reads", "read on for the usage; billed"),
    Fault("L02", "the deadline in a stream", "a function of 4 s", "one error, closed, settled 1 s early"),
    Fault("L03", "SIGTERM", "while idle and inside a stream", "settles what came, and ends"),
    Fault("L04", "SIGKILL", "at every step of a call, and at random", "one terminal record a call"),
    Fault("L05", "killed when answered", "before it is settled", "booked at its bound; lifted when known"),
    Fault("L06", "the same event twice", "one request id", "one charge"),
    Fault("L07", "clocks that jump", "5 minutes either way", "leases hold; durations stay sane"),
    Fault("L08", "little memory", "128 MB, the largest request, giant events", "one refusal at most"),
    Fault("L09", "one environment for long", "300 calls, good and bad", "each as alone; nothing piles up"),
    Fault("L10", "the Runtime API fails", "4xx, 5xx, close, reset, silence", "settled, next call served"),
    Fault("L11", "an empty answer", "no body at all", "one byte"),
    Fault("L12", "frozen and thawed", "connections that died meanwhile", "opened again"),
    Fault("L13", "an exception of ours", "before, in and behind a stream", "500, or one error"),
    Fault("L14", "no start", "bad imports, bad settings", "an init error without secrets"),
)
REQUEST = (
    Fault("R01", "size and coding of the body", "6 MB, one more, none, wrong base64", "413 or 400"),
    Fault("R02", "JSON as a weapon", "100,000 levels, 5,000 digits, 1e999", "400"),
    Fault("R03", "ambiguous JSON", "double keys, NaN, Infinity", "400"),
    Fault("R04", "text that is none", "bad UTF-8, lone surrogates, NUL, BOM, UTF-16", "400"),
    Fault("R05", "headers with control characters", "CR, LF, NUL", "400"),
    Fault("R06", "model names as paths", "../, %2e, queries, ARNs, RTL, 10 kB", "404; never part of a URL"),
    Fault("R07", "fields that steer", "URLs and keys, on top and 5 levels deep", "400, or no new host"),
    Fault("R08", "numbers out of bounds", "n, max_tokens; 10,000 messages, tools", "400, or integers"),
    Fault("R09", "wrong kinds", 'stream "yes", text/plain, gzip', "400 or 415"),
    Fault("R10", "anything else", "random bodies, paths, headers, events", "below 500"),
    Fault("R11", "confusing paths", "//, .., %2f, case, ;, methods, Host", "identity first; one table"),
    Fault("R12", "text as a query", "quotes, #, :, operators as names", "stored as text"),
)
LEDGER = (
    Fault("D01", "a throttled table", "for a moment, and for good", "retried for 2 s, then 503; nobody is asked"),
    Fault("D02", "no table", "refused, 500, slow, denied, cut answers", "503; nobody is asked"),
    Fault("D03", "an answer that is lost", "cut behind the commit", "once, however often it is sent"),
    Fault("D04", "conflicts of transactions", "every second one", "retried with jitter; exact"),
    Fault("D05", "no table to settle in", "from the end of the answer on", "answered; logged; swept"),
    Fault("D06", "an id twice", "the same body, another body", "refused; one charge"),
    Fault("D07", "a row too large", "2 MB of metadata and tags", "cut before it is written"),
    Fault("D08", "a race for the end", "8 sweepers and a late settler", "one effect"),
    Fault("D09", "a transaction repeated late", "behind its token's ten minutes", "the status still decides"),
    Fault("D10", "late and doubled news", "index behind, TTL early, stream twice, out of order", "the row decides"),
    Fault("D11", "rows without sense", "missing, corrupt, negative", "refused for that caller alone"),
)
ACCESS = (
    Fault("A01", "a bad signature", "none, wrong region, service, hash, old, replayed", "403; one charge by its key"),
    Fault("A02", "a forged principal", "headers, the body's user, X-Forwarded-*", "only IAM's word counts"),
    Fault("A03", "a key guessed by time", "100,000 looks, first and last byte wrong", "abs(t) below 4.5"),
    Fault("A06", "names that collide", "prefixes of 20, case, Unicode", "another name is another one"),
    Fault("A07", "an answer of somebody else's", "same text, other principal, prompt, tools", "a miss", NO_CACHE),
    Fault("A08", "a poisoned cache", "cut, failed, filtered, giant", "only whole answers stay", NO_CACHE),
    Fault("A09", "a base URL that points inside", "metadata, numbers, file, user", "refused"),
    Fault("A10", "headers with a key", "echoed key, cookies, organisation", "only listed ones pass"),
    Fault("A11", "others' usage, keys, budgets", "every role at every path and row", "404 or 403; nothing on the URL"),
)
PRIVATE = (
    Fault("P01", "keys in what is written", "canaries in logs and ledger, 8 characters enough", "none"),
    Fault("P02", "keys in errors", "bodies and events that repeat the key", "replaced by our words"),
    Fault("P03", "debug modes", "every library at DEBUG", "no key, no prompt"),
    Fault("P04", "forged log lines", "newlines, ANSI, U+2028, metrics, 1 MB", "one bounded line"),
    Fault("P05", "too many dimensions", "50 models and routes", "dimensions of the configuration"),
    Fault("P06", "residue", "files, processes, in source and at run time", "none"),
    Fault("I10", "egress", "an audit hook in tests and environments", "configured hosts only"),
)
MONEY = (
    Fault("C01", "a race for the last cent", "100 callers on one budget", "as many as arithmetic says; 0 over"),
    Fault("C02", "a cost above its estimate", "images, cached and reasoning tokens", "booked as it is; bounded, told"),
    Fault("C03", "the window ends meanwhile", "day, week and month, in flight", "charged to where it began"),
    Fault("C04", "money to give back", "failed before, after, on a fallback", "back to the nano-dollar"),
    Fault("C05", "a forged name of a call", "ids and keys of others, another body", "ids are ours; 409"),
    Fault("C06", "gone before the usage", "hangs up behind the last word", "charged in full"),
    Fault("C07", "a limit's edge", "bursts, clocks, many at once", "exactly burst + rate x time"),
    Fault("C08", "a price that is not there", "unknown, changed in flight", "refused; the price's version is booked"),
)
SUPPLY = (
    Fault("X01", "rights nobody needs", "every AWS call of the suite beside the template", "used = granted; no *"),
    Fault("X02", "a URL for anybody", "no auth, any principal, a permission missing, CORS *", "no build"),
    Fault("X03", "what a package brings", "unpinned, unhashed, .pth, source only", "layers hold what the locks say"),
    Fault("X04", "code that runs text", "eval, pickle, yaml.load, programs, blind TLS", "none"),
    Fault("X05", "a template without bounds", "log days, PITR, deletion, concurrency", "they are there"),
)
FAULTS = (
    *(*PROVIDER, *STREAM, *BEDROCK, *LEDGER, *KEYS, *LIFE, *REQUEST),
    *(*ACCESS, *PRIVATE, *MONEY, *SUPPLY),
)
IDS = tuple(fault.id for fault in FAULTS)
TESTED = tuple(fault.id for fault in FAULTS if fault.reason is None)
