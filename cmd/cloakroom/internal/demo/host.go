package demo

import (
	"net"
	"net/http"
	"slices"
	"strings"
)

// ownHosts answers requests to one of the names, or to the address that the connection
// came to. A name that leads here all the same is another site's, whose pages could
// read the answers: browsers take them for the same origin.
func ownHosts(names []string, next http.Handler) http.Handler {
	if names == nil {
		return next
	}
	own := make([]string, len(names))
	for i, name := range names {
		own[i] = hostName(name)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if host := hostName(r.Host); !slices.Contains(own, host) && !isLocal(r, host) {
			answer(w, http.StatusMisdirectedRequest, "the demo does not answer to this host name; see --hosts")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// hostName returns a host without its port, brackets and a dot at the end, in lower case.
func hostName(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

// isLocal reports whether host is the address that the request came to.
func isLocal(r *http.Request, host string) bool {
	ip := net.ParseIP(host)
	local, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	return ip != nil && ok && local.IP.Equal(ip)
}
