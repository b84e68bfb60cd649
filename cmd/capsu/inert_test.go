package main

import _ "capsu/cmd/capsu/inert" // no front, no monitor
