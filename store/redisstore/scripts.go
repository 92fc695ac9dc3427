package redisstore

import (
	"context"
	"crypto/sha1"
	"encoding/hex"

	"github.com/redis/rueidis"
)

// script is called by its digest. If the server does not know it, and so has done nothing, it is
// sent in full, and known from then on.
type script struct{ text, sha string }

func newScript(text string) script {
	sum := sha1.Sum([]byte(text))
	return script{text, hex.EncodeToString(sum[:])}
}

// Results of the scripts that write.
const (
	scriptMissing  = 0 // no live record
	scriptConflict = 1 // another version
	scriptExists   = 2 // the new id is taken
	scriptDone     = 3
)

var (
	// nearScript returns data and expiry of KEYS[1] in one step. It is read-only.
	nearScript = newScript(`local v = redis.call('GET', KEYS[1])
if not v then return false end
return {v, redis.call('PEXPIRETIME', KEYS[1])}`)

	// replaceScript: ARGV is the digest of old, the new data, and its expiry unless that is old's.
	// SET returns what was there, which takes three quarters of the time of GET and SET. In the
	// rare case that this is not old, it is put back, in the same step for other clients. A full
	// server refuses only the first SET of a script: an error only if old is there.
	replaceScript = newScript(
		`local v = redis.pcall('SET', KEYS[1], ARGV[2], 'XX', 'KEEPTTL', 'GET')
if not v then return 0 end
if type(v) == 'table' then
  local w = redis.call('GET', KEYS[1])
  if not w then return 0 end
  if redis.sha1hex(w) ~= ARGV[1] then return 1 end
  return v
end
if redis.sha1hex(v) ~= ARGV[1] then
  redis.call('SET', KEYS[1], v, 'KEEPTTL')
  return 1
end
if ARGV[3] then
  local e = redis.pcall('PEXPIREAT', KEYS[1], ARGV[3])
  if type(e) == 'table' then
    redis.call('SET', KEYS[1], v, 'KEEPTTL')
    return e
  end
end
return 3`)

	// deleteScript: ARGV is the digest.
	deleteScript = newScript(`local v = redis.call('GET', KEYS[1])
if not v then return 0 end
if redis.sha1hex(v) ~= ARGV[1] then return 1 end
redis.call('DEL', KEYS[1])
return 3`)

	// moveScript: KEYS are the old and the new; ARGV is the digest of old, the seal and its expiry,
	// the new data and its expiry. A full server refuses the first SET, and never the second.
	moveScript = newScript(`local v = redis.call('GET', KEYS[1])
if not v then return 0 end
if redis.sha1hex(v) ~= ARGV[1] then return 1 end
if redis.call('EXISTS', KEYS[2]) == 1 then return 2 end
redis.call('SET', KEYS[2], ARGV[4], 'PXAT', ARGV[5])
redis.call('SET', KEYS[1], ARGV[2], 'PXAT', ARGV[3])
return 3`)

	// indexScript adds an entry to an owner's index: ARGV is the id, when the entry may be removed
	// (0 for never), and a grace period. An entry is the time of writing and its end. The script
	// also removes some entries past their end, so that an index which is never listed stays small.
	indexScript = newScript(`local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local grace = tonumber(ARGV[3])
local before = redis.call('PEXPIRETIME', KEYS[1])
redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f:%s', now, ARGV[2]))
local some = redis.call('HRANDFIELD', KEYS[1], 8, 'WITHVALUES')
for i = 1, #some, 2 do
  local till = tonumber(string.match(some[i + 1], ':(%d+)$'))
  if some[i] ~= ARGV[1] and till and till > 0 and till + grace < now then
    redis.call('HDEL', KEYS[1], some[i])
  end
end
if ARGV[2] == '0' then
  if before >= 0 then redis.call('PERSIST', KEYS[1]) end
  return 3
end
local till = math.max(tonumber(ARGV[2]), now) + grace
if before == -2 or (before >= 0 and before < till) then
  redis.call('PEXPIREAT', KEYS[1], string.format('%.0f', till))
end
return 3`)

	// pruneScript removes entries that have not changed: ARGV is ids and entries in turn.
	pruneScript = newScript(`local n = 0
for i = 1, #ARGV, 2 do
  if redis.call('HGET', KEYS[1], ARGV[i]) == ARGV[i + 1] then
    n = n + redis.call('HDEL', KEYS[1], ARGV[i])
  end
end
return n`)

	// scanScript returns a page of an owner's index: the next cursor, the server process that this
	// belongs to, the time, and ids and entries in turn. ARGV is the cursor, its process, and how
	// many. A cursor means nothing to another process, as after a failover: the scan then starts
	// again. It is read-only.
	scanScript = newScript(`local function process()
  local info = redis.pcall('INFO', 'server')
  return type(info) == 'string' and string.match(info, 'run_id:(%x+)') or ''
end
local from = ARGV[1]
if from ~= '0' and ARGV[2] ~= process() then from = '0' end
local page = redis.call('HSCAN', KEYS[1], from, 'COUNT', ARGV[3])
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
return {page[1], page[1] ~= '0' and process() or '', now, page[2]}`)
)

// read runs a read-only script on one key.
func (s *Store) read(
	ctx context.Context, sc script, key string, args ...string,
) rueidis.RedisResult {
	return s.call(ctx, func(ctx context.Context) rueidis.RedisResult {
		return s.readNow(ctx, sc, key, args...)
	})
}

func (s *Store) readNow(
	ctx context.Context, sc script, key string, args ...string,
) rueidis.RedisResult {
	known := s.client.B().EvalshaRo().Sha1(sc.sha).Numkeys(1).Key(key)
	res := s.client.Do(ctx, known.Arg(args...).Build())
	if unknownScript(res) {
		full := s.client.B().EvalRo().Script(sc.text).Numkeys(1).Key(key)
		res = s.client.Do(ctx, full.Arg(args...).Build())
	}
	return res
}

// run runs a script that writes, and returns its result.
func (s *Store) run(ctx context.Context, sc script, keys []string, args ...string) (int64, error) {
	count := int64(len(keys))
	res, waited := s.write(ctx, keys[0], func(b rueidis.Builder) rueidis.Completed {
		return b.Evalsha().Sha1(sc.sha).Numkeys(count).Key(keys...).Arg(args...).Build()
	})
	if unknownScript(res) {
		res, waited = s.write(ctx, keys[0], func(b rueidis.Builder) rueidis.Completed {
			return b.Eval().Script(sc.text).Numkeys(count).Key(keys...).Arg(args...).Build()
		})
	}
	n, err := res.AsInt64()
	if err == nil && n == scriptDone {
		err = waited
	}
	return n, err
}

func unknownScript(res rueidis.RedisResult) bool {
	e, ok := rueidis.IsRedisErr(res.Error())
	return ok && e.IsNoScript()
}
