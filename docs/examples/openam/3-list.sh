#!/bin/sh
# Lists the tokens of the user whose SSO token is the first argument.
set -eu
curl --silent --show-error \
  --header "iplanetDirectoryPro: $1" \
  "$OPENAM_URL/frrest/oauth2/token?_queryId=refresh_token"
