package dynamodbstore

import "testing"

// What exceeds the capacity of the table comes with a later call.
func TestUnprocessedKeys(t *testing.T) {
	s, server := scripted(t)
	one := `{"id":{"S":"session:a"},"val":{"B":"eA=="},"expiration":{"N":"99999999999"}}`
	left := `"UnprocessedKeys":{"Sessions":{"ConsistentRead":true,"Keys":[{"id":{"S":"session:a"}}]}}`
	server.set("BatchGetItem", fine(`{"Responses":{"Sessions":[]},`+left+`}`), fine(`{`+left+`}`), fine(`{"Responses":{"Sessions":[`+one+`]}}`))
	got, err := s.loadAll(t.Context(), []string{"a"})
	if err != nil || len(got) != 1 || string(got["a"].Data) != "x" || server.count("BatchGetItem") != 3 {
		t.Errorf("%+v, %v, after %d calls", got, err, server.count("BatchGetItem"))
	}
	server.set("BatchGetItem", fine(`{`+left+`}`))
	if _, err := s.loadAll(t.Context(), []string{"a"}); err == nil || server.count("BatchGetItem") != batchTries {
		t.Errorf("%v after %d calls", err, server.count("BatchGetItem"))
	}
}
