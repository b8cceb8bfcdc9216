mock_provider "aws" {}

variables {
  name     = "demo"
  managers = ["manager-1", "manager-2", "manager-3"]
}

run "one_address_for_each_manager" {
  assert {
    condition     = keys(output.addresses) == ["manager-1", "manager-2", "manager-3"]
    error_message = "Every manager must have an address under its name."
  }

  assert {
    condition     = length(distinct([for address in output.addresses : address.allocation_id])) == 3
    error_message = "Each manager must have an address of its own."
  }

  assert {
    condition     = aws_eip.manager["manager-2"].tags["beeyard:node"] == "manager-2"
    error_message = "An address must carry its manager's name."
  }
}

run "removing_one_keeps_the_others" {
  variables {
    managers = ["manager-1", "manager-3"]
  }

  assert {
    condition = output.addresses == {
      for node, address in run.one_address_for_each_manager.addresses : node => address if node != "manager-2"
    }
    error_message = "The other managers must keep their addresses."
  }
}

run "none_behind_a_load_balancer" {
  variables {
    managers = []
  }

  assert {
    condition     = length(output.addresses) == 0
    error_message = "No manager, no address."
  }
}

run "refuses_other_names" {
  command = plan

  variables {
    managers = ["worker-1"]
  }

  expect_failures = [var.managers]
}
