package launcher

import _ "capsu/front/inert" // no front, no monitor
