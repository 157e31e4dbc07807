# `keystone-manage bootstrap`, told the password by nothing that shows in a list of processes: it takes it from an argument or from
# the environment, and this environment is made after the process began.
import os
import sys

os.environ.update(
    OS_BOOTSTRAP_USERNAME='admin', OS_BOOTSTRAP_PASSWORD='', OS_BOOTSTRAP_PROJECT_NAME='admin',
    OS_BOOTSTRAP_ROLE_NAME='admin', OS_BOOTSTRAP_SERVICE_NAME='keystone', OS_BOOTSTRAP_REGION_ID='RegionOne',
    OS_BOOTSTRAP_INTERNAL_URL='http://[fd00:20::250]:5000', OS_BOOTSTRAP_ADMIN_URL='http://[fd00:20::250]:5000', OS_BOOTSTRAP_PUBLIC_URL='http://[fd00:20::250]:5000')
sys.argv = ['keystone-manage', 'bootstrap']

from keystone.cmd.manage import main

main()
