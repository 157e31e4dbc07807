-- Galera keeps the statements that it replicates in a file: of a password they hold the hash.
CREATE DATABASE IF NOT EXISTS `keystone` CHARACTER SET utf8mb4;
EXECUTE IMMEDIATE CONCAT("CREATE USER IF NOT EXISTS 'keystone'@'%' IDENTIFIED BY PASSWORD '", PASSWORD(''), "'");
EXECUTE IMMEDIATE CONCAT("ALTER USER 'keystone'@'%' IDENTIFIED BY PASSWORD '", PASSWORD(''), "'");
GRANT ALL PRIVILEGES ON `keystone`.* TO 'keystone'@'%';
