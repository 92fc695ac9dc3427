package demo

import (
	"net"
	"net/http"
	"slices"
	"strings"
)

// ownHosts answers requests to one of the names or to the address that the connection
// came to. It refuses other names that resolve to this machine: they are other sites, and
// their pages could read the responses, since browsers take both for one origin.
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
			answer(w, http.StatusMisdirectedRequest,
				"the demo does not answer to this host name; see --hosts")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// hostName returns a host in lower case, without port, brackets and a final dot.
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
