package redisstore

import "testing"

func TestArgumentsAreCutOff(t *testing.T) {
	const text = "ERR unknown command 'HELLO', with args beginning with: '3' 'AUTH' 'default' 'hunter2' "
	if got := withoutArguments(text); got != "ERR unknown command 'HELLO'" {
		t.Errorf("got %q", got)
	}
}
