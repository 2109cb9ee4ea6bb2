/* What a box says on MQTT, as Ditto Protocol merge commands on its twins.
 *
 * The same mapping as cloud/ioc_cloud/twin/mapper.py; tests/unit/twin/test_mapper.py holds one
 * against the other. ECMAScript 5: Ditto runs it in Rhino. What is not ours, or not understood,
 * maps to null, which Ditto counts as dropped.
 *
 * Only what one message alone can tell: no counters, and nothing of an event but its id, kind,
 * time and number (and the state inside a `health` event). Plates never reach a twin.
 */
var NAME = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?";
var TOPIC = new RegExp(
  "^ioc/1/(" + NAME + ")/(?:(status)|ev/([a-z][a-z0-9_]{0,31})|tel/(" + NAME + "))$"
);
var TIME =
  /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:([Zz])|([+-])(\d\d):?(\d\d))$/;
var STATES = ["starting", "ok", "no_signal", "ended", "broken"];
var STATUS = "features/status/properties";
var HEALTH = "features/health/properties";
var EVENTS = "features/events/properties";

function mapToDittoProtocolMsg(headers, textPayload, bytePayload, contentType) {
  var parts = TOPIC.exec(headers["mqtt.topic"] || "");
  if (!parts) {
    return null;
  }
  var body;
  try {
    body = JSON.parse(textOf(textPayload, bytePayload));
  } catch (error) {
    return null;
  }
  if (body === null || typeof body !== "object" || (body.box && body.box !== parts[1])) {
    return null;
  }
  var commands;
  if (parts[2]) {
    commands = ofStatus(parts[1], body);
  } else if (parts[4]) {
    commands = ofTelemetry(parts[1], parts[4], body);
  } else {
    commands = ofEvent(parts[1], parts[3], body);
  }
  return commands && commands.length > 0 ? commands : null;
}

function ofStatus(box, status) {
  if (typeof status.online !== "boolean") {
    return null;
  }
  var thing = "vn.camau.edge/" + box;
  var at = instant(status.at);
  /* Births repeat when a camera changes: onlineAt moves with `online` alone. */
  var commands = [
    merge(
      thing, "status", { online: status.online, onlineAt: at },
      "not(eq(" + STATUS + "/online," + status.online + "))"
    )
  ];
  if (!status.online) {
    return commands;
  }
  commands.push(merge(thing, "status", {
    lastSeenAt: at,
    boot: orNull(status.boot),
    epoch: orNull(status.epoch),
    versions: status.versions || {},
    configSha256: orNull(status.config_sha256)
  }));
  var cameras = status.cameras || [];
  for (var i = 0; i < cameras.length; i++) {
    var state = cameras[i].state || "starting";
    if (STATES.indexOf(state) >= 0) {
      commands.push(
        merge(camera(box, cameras[i].id), "health", { state: state, lastSeenAt: at })
      );
    }
  }
  return commands;
}

function ofTelemetry(box, name, figures) {
  var at = instant(figures.at);
  if (at === null || STATES.indexOf(figures.state) < 0 || typeof figures.fps !== "number") {
    return null;
  }
  return [merge(camera(box, name), "health", {
    state: figures.state,
    fps: figures.fps,
    skippedFrames: figures.skipped_frames || 0,
    spoolEvents: figures.spool_events || 0,
    evidencePending: figures.evidence_pending || 0,
    clockOffsetMs: figures.clock_offset_ms || 0,
    /* null takes an old temperature away: a sensor that is gone measures nothing. */
    temperatureC: orNull(figures.temperature_c),
    lastSeenAt: at
  })];
}

function ofEvent(box, kind, event) {
  var at = instant(event.seen_at);
  if (!event.camera || event.kind !== kind || at === null || !event.id || !event.seq) {
    return null;
  }
  var thing = camera(box, event.camera);
  var lastAt = EVENTS + "/lastEventAt";
  /* Boxes send old events again: the last one only moves forward in (time, seq). */
  var commands = [merge(
    thing, "events",
    { lastEventId: event.id, lastEventKind: kind, lastEventAt: at, lastEventSeq: event.seq },
    "or(not(exists(" + lastAt + ")),lt(" + lastAt + ",\"" + at + "\"),and(eq(" + lastAt + ",\"" +
      at + "\"),lt(" + EVENTS + "/lastEventSeq," + event.seq + ")))"
  )];
  var health = kind === "health" ? event.data : null;
  if (health && STATES.indexOf(health.state) >= 0) {
    var seen = HEALTH + "/lastSeenAt";
    commands.push(merge(
      thing, "health",
      { state: health.state, stateAt: at, detail: health.detail || "", lastSeenAt: at },
      "or(not(exists(" + seen + ")),lt(" + seen + ",\"" + at + "\"))"
    ));
  }
  return commands;
}

function camera(box, name) {
  return "vn.camau.camera/" + box + "." + name;
}

function merge(thing, feature, properties, condition) {
  var features = {};
  features[feature] = { properties: properties };
  /* if-match: a merge must not make a thing: it would have no definition and a policy of its own. */
  var headers = {
    "content-type": "application/merge-patch+json",
    "if-match": "*",
    "response-required": false
  };
  if (condition) {
    headers.condition = condition;
  }
  return {
    topic: thing + "/things/twin/commands/merge",
    headers: headers,
    path: "/",
    value: { features: features }
  };
}

/* UTC with milliseconds, so that texts compare as times do; null for what is no time. */
function instant(text) {
  var found = TIME.exec(text || "");
  if (!found) {
    return null;
  }
  var millis = Number(((found[7] || "") + "000").substring(0, 3));
  var at = Date.UTC(
    Number(found[1]), Number(found[2]) - 1, Number(found[3]),
    Number(found[4]), Number(found[5]), Number(found[6]), millis
  );
  if (found[9]) {
    var offset = (Number(found[10]) * 60 + Number(found[11])) * 60000;
    at = found[9] === "+" ? at - offset : at + offset;
  }
  return new Date(at).toISOString();
}

/* MQTT carries bytes; Ditto hands them over as text only where a content type says so. */
function textOf(textPayload, bytePayload) {
  if (textPayload) {
    return textPayload;
  }
  var bytes = new Uint8Array(bytePayload);
  var text = "";
  for (var i = 0; i < bytes.length; i++) {
    text += String.fromCharCode(bytes[i]);
  }
  return decodeURIComponent(escape(text));
}

function orNull(value) {
  return value === undefined ? null : value;
}
